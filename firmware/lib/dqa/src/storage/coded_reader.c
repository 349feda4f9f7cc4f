/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: reads coded maps row by row; what a row is, stands in coded_writer.c.
 *
 * The code of a table is complete: any bits decode, past the end come zeros, and what is read is clamped to the range
 * of the edge, so that a map that other buffers overwrote gives wrong values and nothing else. */
#include "coded.h"

/* Bits of u16 words, most significant first. */
struct words {
  const uint8_t *next, *end;
  uint32_t bits;  /* the next `count`, at the top; zeros below */
  uint32_t count; /* at least 16 after `refill` */
};

static inline void refill(struct words *from) {
  if (from->count < 16) {
    uint32_t word = 0;
    if (from->next < from->end) {
      word = dqa_u16(from->next);
      from->next += 2;
    }
    from->bits |= word << (16 - from->count);
    from->count += 16;
  }
}

/* Takes 1 to 16 bits that are there. */
static inline uint32_t take(struct words *from, uint32_t count) {
  const uint32_t bits = from->bits >> (32 - count);
  from->bits <<= count;
  from->count -= count;
  return bits;
}

/* signs: whether they count. */
static DQA_INLINE void take_channel(const struct dqa_coding *coding, int8_t *values, uint32_t drop, bool signs,
                                    struct words *in) {
  const struct dqa_contexts contexts = dqa_coded_contexts(coding, drop);
  const uint8_t *table = dqa_coded_table(contexts, 0);
  const uint32_t stride = coding->channels;
  const int32_t below = coding->below, above = coding->above, zero_point = coding->zero_point;
  struct words from = *in;
  for (uint32_t x = coding->width; x > 0; --x, values += stride) {
    refill(&from);
    const uint32_t entry = table[DQA_CODED_DECODER + (from.bits >> (32 - DQA_CODED_MAX_LENGTH))];
    const uint32_t symbol = entry & 15u;
    int32_t value = zero_point;
    (void)take(&from, entry >> 4);
    table = dqa_coded_table(contexts, symbol);
    if (symbol > 0) {
      uint32_t u = symbol;
      if (symbol >= 4) {
        const uint32_t low_bits = (symbol >> 1) - 1;
        u = (2u + (symbol & 1u)) << low_bits | take(&from, low_bits);
      }
      const int32_t v = (int32_t)(u << drop);
      if (signs && take(&from, 1)) {
        value -= v < below ? v : below;
      } else {
        value += v < above ? v : above;
      }
    }
    *values = (int8_t)value;
  }
  *in = from;
}

/* Each in a function of its own, where the registers suffice. */
static DQA_NOINLINE void take_signed(const struct dqa_coding *coding, int8_t *values, uint32_t drop, struct words *in) {
  take_channel(coding, values, drop, true, in);
}
static DQA_NOINLINE void take_unsigned(const struct dqa_coding *coding, int8_t *values, uint32_t drop,
                                       struct words *in) {
  take_channel(coding, values, drop, false, in);
}
static void read_channel(const struct dqa_coding *coding, int8_t *values, uint32_t drop, struct words *in) {
  if (coding->below > 0) {
    take_signed(coding, values, drop, in);
  } else {
    take_unsigned(coding, values, drop, in);
  }
}

static void read_raw(const struct dqa_coding *coding, int8_t *values, struct words *from) {
  const uint32_t drop = coding->most_dropped;
  for (uint32_t x = coding->width; x > 0; --x, values += coding->channels) {
    refill(from);
    const int32_t u = (int32_t)take(from, coding->code_bits) - (coding->below >> drop);
    const int32_t v = u * (1 << drop);
    *values = (int8_t)(coding->zero_point + (v < coding->above ? v : coding->above));
  }
}

const uint8_t *dqa_coded_read_row(const dqa_model *model, const struct dqa_edge *edge, const uint8_t *row,
                                  const uint8_t *end, int8_t *values) {
  struct dqa_coding coding;
  dqa_coding_of(model, edge, &coding);
  const uint32_t left = (uint32_t)(end - row);
  const uint32_t header = left < 2 ? 31u : dqa_u16(row); /* at 31 there is no row */
  const uint32_t level = header & 31u, bytes = 2 + 2 * (header >> 5);
  const uint8_t *const next = level > coding.raw_level ? row : row + (bytes < left ? bytes : left & ~1u);
  if (values == NULL) {
    return next;
  }
  if (level > coding.raw_level) { /* an overwritten map */
    dqa_fill_zero_points(edge, values, edge->width);
    return next;
  }
  struct words from = {row + 2, next, 0, 0};
  for (uint32_t c = 0; c < coding.channels; ++c) {
    if (level == coding.raw_level) {
      read_raw(&coding, values + c, &from);
    } else {
      read_channel(&coding, values + c, dqa_coded_drop(&coding, level, coding.groups[c]), &from);
    }
  }
  return next;
}

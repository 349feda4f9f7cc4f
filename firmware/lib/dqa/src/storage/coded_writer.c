/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: writes coded maps row by row, each at the lowest level that leaves room for the rows to come (docs/format.md,
 * section 2, "Coded map").
 *
 * A row is u16 words: level and length, then channel by channel each value's distance from the zero point, of which
 * the level dropped low bits: a Huffman code for its category, chosen by the category to its left, then low bits and a
 * sign. At the raw level, the last, each value has code_bits bits instead.
 *
 * `capacity >= height * worst` is checked at load, and a row takes no more than leaves the later ones their worst,
 * which the raw level never passes: a map cannot overflow, whatever the values are. */
#include "coded.h"
#include "coded_mve.h"

/* Of a magnitude u: its symbol | the number of low bits that follow << 4. */
#define TWICE(entry) entry, entry
#define FOUR(entry) TWICE(entry), TWICE(entry)
#define EIGHT(entry) FOUR(entry), FOUR(entry)
#define SIXTEEN(entry) EIGHT(entry), EIGHT(entry)
#define THIRTY_TWO(entry) SIXTEEN(entry), SIXTEEN(entry)
#define SIXTY_FOUR(entry) THIRTY_TWO(entry), THIRTY_TWO(entry)
static const uint8_t symbols[256] = {0,
                                     1,
                                     2,
                                     3,
                                     TWICE(4 | 1 << 4),
                                     TWICE(5 | 1 << 4),
                                     FOUR(6 | 2 << 4),
                                     FOUR(7 | 2 << 4),
                                     EIGHT(8 | 3 << 4),
                                     EIGHT(9 | 3 << 4),
                                     SIXTEEN(10 | 4 << 4),
                                     SIXTEEN(11 | 4 << 4),
                                     THIRTY_TWO(12 | 5 << 4),
                                     THIRTY_TWO(13 | 5 << 4),
                                     SIXTY_FOUR(14 | 6 << 4),
                                     SIXTY_FOUR(15 | 6 << 4)};

/* (|value - zero_point| + (2^drop - 1) / 2) >> drop, whatever the value is at most 255. Without signs no value is below
 * the zero point, unless buffers overlap: then it is any number up to 255. */
static inline uint32_t magnitude(int32_t value, int32_t zero_point, uint32_t drop, bool signs) {
  const bool below = signs && value < zero_point;
  const uint32_t distance = (uint32_t)(below ? zero_point - value : value - zero_point) & 255u;
  return (distance + (((1u << drop) - 1u) >> 1)) >> drop;
}

/* Whether signs count. */
static inline bool has_signs(const struct dqa_coding *coding) { return coding->below > 0; }

/* Bits of the values of a channel with `drop` bits dropped. signs: whether they have any. */
static DQA_INLINE uint32_t count_bits(const struct dqa_coding *coding, const int8_t *values, uint32_t drop,
                                      bool signs) {
  const struct dqa_contexts contexts = dqa_coded_contexts(coding, drop);
  const uint8_t *table = dqa_coded_table(contexts, 0);
  const uint32_t stride = coding->channels, carry = signs ? 15 : 0;
  const int32_t zero_point = coding->zero_point;
  uint32_t bits = 0;
  for (uint32_t x = coding->width; x > 0; --x, values += stride) {
    const uint32_t entry = symbols[magnitude(*values, zero_point, drop, signs)], symbol = entry & 15u;
    bits += table[DQA_CODED_LENGTHS + symbol] + ((entry + carry) >> 4);
    table = dqa_coded_table(contexts, symbol);
  }
  return bits;
}

/* Each in a function of its own, where the registers suffice. */
static DQA_NOINLINE uint32_t signed_bits(const struct dqa_coding *coding, const int8_t *values, uint32_t drop) {
  return count_bits(coding, values, drop, true);
}
static DQA_NOINLINE uint32_t unsigned_bits(const struct dqa_coding *coding, const int8_t *values, uint32_t drop) {
  return count_bits(coding, values, drop, false);
}
static uint32_t channel_bits(const struct dqa_coding *coding, const int8_t *values, uint32_t drop) {
  return has_signs(coding) ? signed_bits(coding, values, drop) : unsigned_bits(coding, values, drop);
}

/* The same of all channels of a group. */
static uint32_t group_bits(const struct dqa_coding *coding, const int8_t *values, uint32_t group, uint32_t drop) {
  uint32_t bits = 0;
  for (uint32_t c = 0; c < coding->channels; ++c) {
    if (coding->groups[c] == group) {
      bits += channel_bits(coding, values + c, drop);
    }
  }
  return bits;
}

#ifdef DQA_CODED_MVE
/* Whether all groups are counted at once. */
static inline bool counts_at_once(const struct dqa_coding *coding) { return coding->width <= DQA_CODED_MVE_WIDTH; }
#endif

/* The bits of a row at a level, which moves step by step. */
struct row_bits {
  const int8_t *values;
  uint32_t level, total;
  uint32_t of_group[DQA_MAX_GROUPS];
};

static void bits_at(const struct dqa_coding *coding, uint32_t level, struct row_bits *row) {
  row->level = level;
  row->total = 0;
#ifdef DQA_CODED_MVE
  if (counts_at_once(coding)) {
    uint8_t drops[DQA_MAX_GROUPS] = {0};
    uint32_t bits[DQA_MAX_GROUPS] = {0};
    for (uint32_t group = 0; group < coding->group_count; ++group) {
      drops[group] = (uint8_t)dqa_coded_drop(coding, level, group);
    }
    if (has_signs(coding)) {
      dqa_coded_mve_bits(coding, row->values, symbols, drops, true, bits);
    } else {
      dqa_coded_mve_bits(coding, row->values, symbols, drops, false, bits);
    }
    for (uint32_t group = 0; group < coding->group_count; ++group) {
      row->of_group[group] = bits[group];
      row->total += bits[group];
    }
    return;
  }
#endif
  for (uint32_t group = 0; group < coding->group_count; ++group) {
    row->of_group[group] = group_bits(coding, row->values, group, dqa_coded_drop(coding, level, group));
    row->total += row->of_group[group];
  }
}

/* To the next level, or the one before: one group drops a bit more, or less. */
static void move(const struct dqa_coding *coding, bool up, struct row_bits *row) {
  const uint32_t lower = up ? row->level : row->level - 1u, group = lower % coding->group_count;
  const uint32_t drop = lower / coding->group_count + up;
#ifdef DQA_CODED_MVE
  if (counts_at_once(coding)) {
    bits_at(coding, lower + up, row);
    return;
  }
#endif
  row->level = lower + up;
  row->total -= row->of_group[group];
  row->of_group[group] = group_bits(coding, row->values, group, drop);
  row->total += row->of_group[group];
}

/* Whether a row at a level below the raw one leaves room for the later ones. */
static bool fits(const struct dqa_coding *coding, const struct dqa_writer *writer, const struct dqa_edge *edge,
                 const struct row_bits *row) {
  const uint32_t words = (row->total + 15u) / 16u;
  const uint32_t later = (edge->height - 1u - writer->row) * dqa_map_base_bytes(edge);
  const uint32_t expected = (dqa_u32(coding->expected + 4 * row->level) * coding->share[writer->row]) >> 8;
  const uint32_t rest = later > expected ? later : expected;
  return words <= DQA_MAX_PAYLOAD_WORDS && 2 + 2 * words + rest <= edge->capacity - writer->extra;
}

/* Finds the level of the next row, beginning at that of the last. */
static void choose_level(const struct dqa_coding *coding, const struct dqa_writer *writer, const struct dqa_edge *edge,
                         struct row_bits *row) {
  const uint32_t last = coding->raw_level - 1;
  bits_at(coding, writer->level < last ? writer->level : last, row);
  bool good = fits(coding, writer, edge, row);
  while (good && row->level > 0) {
    struct row_bits lower = *row;
    move(coding, false, &lower);
    if (!fits(coding, writer, edge, &lower)) {
      return;
    }
    *row = lower;
  }
  while (!good && row->level < last) {
    move(coding, true, row);
    good = fits(coding, writer, edge, row);
  }
  if (!good) {
    row->level = coding->raw_level;
    row->total = edge->row_values * coding->code_bits;
  }
}

/* Bits to u16 words, most significant first. No more than `end`: buffers that overlap may change values meanwhile. */
struct words {
  uint8_t *next, *end;
  uint32_t bits; /* the lowest `count` < 16 are not yet stored */
  uint32_t count;
};

static inline void put(struct words *out, uint32_t bits, uint32_t count) {
  out->bits = out->bits << count | bits;
  out->count += count;
  if (out->count >= 16) {
    out->count -= 16;
    if (out->next < out->end) {
      const uint16_t word = (uint16_t)(out->bits >> out->count);
      memcpy(out->next, &word, sizeof word);
      out->next += sizeof word;
    }
  }
}

static DQA_INLINE void put_channel(const struct dqa_coding *coding, const int8_t *values, uint32_t drop, bool signs,
                                   struct words *out) {
  const struct dqa_contexts contexts = dqa_coded_contexts(coding, drop);
  const uint8_t *table = dqa_coded_table(contexts, 0);
  const uint32_t stride = coding->channels;
  const int32_t zero_point = coding->zero_point;
  struct words to = *out;
  for (uint32_t x = coding->width; x > 0; --x, values += stride) {
    const int32_t value = *values;
    const uint32_t u = magnitude(value, zero_point, drop, signs), entry = symbols[u], symbol = entry & 15u;
    uint32_t bits = table[DQA_CODED_CODES + symbol], count = table[DQA_CODED_LENGTHS + symbol];
    table = dqa_coded_table(contexts, symbol);
    if (entry >= 1u << 4) { /* low bits follow */
      const uint32_t low_bits = entry >> 4;
      bits = bits << low_bits | (u & ((1u << low_bits) - 1u));
      count += low_bits;
    }
    if (signs && symbol > 0) {
      bits = bits << 1 | (value < zero_point);
      ++count;
    }
    put(&to, bits, count);
  }
  *out = to;
}

static DQA_NOINLINE void put_signed(const struct dqa_coding *coding, const int8_t *values, uint32_t drop,
                                    struct words *out) {
  put_channel(coding, values, drop, true, out);
}
static DQA_NOINLINE void put_unsigned(const struct dqa_coding *coding, const int8_t *values, uint32_t drop,
                                      struct words *out) {
  put_channel(coding, values, drop, false, out);
}
static void write_channel(const struct dqa_coding *coding, const int8_t *values, uint32_t drop, struct words *out) {
  if (has_signs(coding)) {
    put_signed(coding, values, drop, out);
  } else {
    put_unsigned(coding, values, drop, out);
  }
}

static void write_raw(const struct dqa_coding *coding, const int8_t *values, struct words *out) {
  const uint32_t drop = coding->most_dropped;
  for (uint32_t x = coding->width; x > 0; --x, values += coding->channels) {
    const bool negative = *values < coding->zero_point;
    const int32_t limit = (negative ? coding->below : coding->above) >> drop;
    const int32_t u = (int32_t)magnitude(*values, coding->zero_point, drop, true), kept = u < limit ? u : limit;
    put(out, (uint32_t)((coding->below >> drop) + (negative ? -kept : kept)), coding->code_bits);
  }
}

void dqa_coded_write_row(const dqa_model *model, struct dqa_writer *writer, const struct dqa_edge *edge, uint8_t *data,
                         int8_t *values) {
  struct dqa_coding coding;
  struct row_bits choice = {values, 0, 0, {0}};
  uint8_t *const row = data + writer->extra;
  dqa_coding_of(model, edge, &coding);
  choose_level(&coding, writer, edge, &choice);
  const uint32_t level = choice.level, payload_words = (choice.total + 15u) / 16u;
  struct words out = {row + 2, row + 2 + 2 * payload_words, 0, 0};
  for (uint32_t c = 0; c < coding.channels; ++c) {
    if (level == coding.raw_level) {
      write_raw(&coding, values + c, &out);
    } else {
      write_channel(&coding, values + c, dqa_coded_drop(&coding, level, coding.groups[c]), &out);
    }
  }
  if (out.count > 0) {
    put(&out, 0, 16 - out.count);
  }
  const uint16_t header = (uint16_t)(level | payload_words << 5);
  memcpy(row, &header, sizeof header);
  writer->extra += 2 + 2 * payload_words;
  writer->dropped = (uint16_t)(writer->dropped + (level > 0 && coding.most_dropped > 0));
  writer->level = (uint16_t)level;
  ++writer->row;
}

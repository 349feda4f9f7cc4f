/* dqa: writes coded maps row by row, each at the lowest level that leaves room for the rows to come.
 *
 * `capacity >= height * worst` is checked at load, and a row takes no more than leaves the later ones their worst,
 * which the raw level never passes: a map cannot overflow, whatever the values are. */
#include "coded.h"

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

/* (|v| + (2^drop - 1) / 2) >> drop. */
static inline uint32_t magnitude(int32_t v, uint32_t drop) {
  const uint32_t distance = (uint32_t)(v < 0 ? -v : v);
  return (distance + (((1u << drop) - 1u) >> 1)) >> drop;
}

/* Bits of the values of a channel with `drop` bits dropped. */
static inline uint32_t channel_bits(const struct dqa_coding *coding, const int8_t *values, uint32_t drop, bool sign) {
  const uint8_t *const contexts = dqa_coded_contexts(coding, drop);
  const uint8_t *table = dqa_coded_table(coding, contexts, 0);
  uint32_t bits = 0;
  for (uint32_t x = coding->width; x > 0; --x, values += coding->channels) {
    const uint32_t u = magnitude(*values - coding->zero_point, drop), entry = symbols[u], symbol = entry & 15u;
    bits += table[DQA_CODED_LENGTHS + symbol] + (entry >> 4) + (sign && u > 0);
    table = dqa_coded_table(coding, contexts, symbol);
  }
  return bits;
}

/* The same of all channels of a group. */
static uint32_t group_bits(const struct dqa_coding *coding, const int8_t *values, uint32_t group, uint32_t drop) {
  uint32_t bits = 0;
  for (uint32_t c = 0; c < coding->channels; ++c) {
    if (coding->groups[c] == group) {
      bits += coding->below > 0 ? channel_bits(coding, values + c, drop, true)
                                : channel_bits(coding, values + c, drop, false);
    }
  }
  return bits;
}

/* The level of the next row. */
static uint32_t choose_level(const struct dqa_coding *coding, const struct dqa_writer *writer,
                             const struct dqa_edge *edge, const int8_t *values) {
  const uint32_t later = (edge->height - 1u - writer->row) * dqa_map_base_bytes(edge);
  const uint32_t room = edge->capacity - writer->extra; /* > later */
  uint32_t bits[DQA_MAX_GROUPS], total = 0;
  for (uint32_t group = 0; group < coding->group_count; ++group) {
    total += bits[group] = group_bits(coding, values, group, 0);
  }
  for (uint32_t level = 0;; ++level) {
    const uint32_t words = (total + 15u) / 16u, bytes = 2 + 2 * words;
    const uint32_t expected = (dqa_u32(coding->expected + 4 * level) * coding->share[writer->row]) >> 8;
    if (words <= DQA_MAX_PAYLOAD_WORDS && bytes + (later > expected ? later : expected) <= room) {
      return level;
    }
    if (level + 1 == coding->raw_level) {
      return coding->raw_level;
    }
    const uint32_t group = level % coding->group_count; /* the one that the next level lets drop a bit more */
    total -= bits[group];
    total += bits[group] = group_bits(coding, values, group, level / coding->group_count + 1);
  }
}

/* Bits to u16 words, most significant first. */
struct words {
  uint8_t *next;
  uint32_t bits; /* the lowest `count` < 16 are not yet stored */
  uint32_t count;
};

static inline void put(struct words *out, uint32_t bits, uint32_t count) {
  out->bits = out->bits << count | bits;
  out->count += count;
  if (out->count >= 16) {
    out->count -= 16;
    const uint16_t word = (uint16_t)(out->bits >> out->count);
    memcpy(out->next, &word, sizeof word);
    out->next += sizeof word;
  }
}

static inline void write_channel(const struct dqa_coding *coding, const int8_t *values, uint32_t drop, bool sign,
                                 struct words *out) {
  const uint8_t *const contexts = dqa_coded_contexts(coding, drop);
  const uint8_t *table = dqa_coded_table(coding, contexts, 0);
  struct words to = *out;
  for (uint32_t x = coding->width; x > 0; --x, values += coding->channels) {
    const int32_t v = *values - coding->zero_point;
    const uint32_t u = magnitude(v, drop), entry = symbols[u], symbol = entry & 15u, low_bits = entry >> 4;
    uint32_t bits = (uint32_t)table[DQA_CODED_CODES + symbol] << low_bits | (u & ((1u << low_bits) - 1u));
    uint32_t count = table[DQA_CODED_LENGTHS + symbol] + low_bits;
    if (sign && u > 0) {
      bits = bits << 1 | (v < 0);
      ++count;
    }
    put(&to, bits, count);
    table = dqa_coded_table(coding, contexts, symbol);
  }
  *out = to;
}

static void write_raw(const struct dqa_coding *coding, const int8_t *values, struct words *out) {
  const uint32_t drop = coding->most_dropped;
  for (uint32_t x = coding->width; x > 0; --x, values += coding->channels) {
    const int32_t v = *values - coding->zero_point, limit = (v < 0 ? coding->below : coding->above) >> drop;
    const int32_t u = (int32_t)magnitude(v, drop), kept = u < limit ? u : limit;
    put(out, (uint32_t)((coding->below >> drop) + (v < 0 ? -kept : kept)), coding->code_bits);
  }
}

void dqa_coded_write_row(const dqa_model *model, struct dqa_writer *writer, const struct dqa_edge *edge, uint8_t *data,
                         const int8_t *values) {
  struct dqa_coding coding;
  uint8_t *const row = data + writer->extra;
  dqa_coding_of(model, edge, &coding);
  const uint32_t level = choose_level(&coding, writer, edge, values);
  struct words out = {row + 2, 0, 0};
  for (uint32_t c = 0; c < coding.channels; ++c) {
    const uint32_t drop = dqa_coded_drop(&coding, level, coding.groups[c]);
    if (level == coding.raw_level) {
      write_raw(&coding, values + c, &out);
    } else if (coding.below > 0) {
      write_channel(&coding, values + c, drop, true, &out);
    } else {
      write_channel(&coding, values + c, drop, false, &out);
    }
  }
  if (out.count > 0) {
    put(&out, 0, 16 - out.count);
  }
  const uint32_t bytes = (uint32_t)(out.next - row);
  const uint16_t header = (uint16_t)(level | (bytes / 2u - 1u) << 5);
  memcpy(row, &header, sizeof header);
  writer->extra += bytes;
  writer->dropped += level > 0 && coding.most_dropped > 0;
  ++writer->row;
}

/* Inner functions of the executor as plain functions of a program, for tests that compare them with numpy. */
#include "operators/scratch.h"
#include "storage/coded.h"

static bool load(dqa_model *model, const void *program, size_t size) {
  return dqa_load(model, program, size, dqa_all_operators, DQA_LAYOUT_INTERNAL) == DQA_OK;
}

/* Stores values (height, width, channels) as the whole map `number` of a program is stored; values are changed.
 * Returns the bytes used, -1 for a bad program; *dropped: rows without their errors. */
int64_t dqa_test_write(const void *program, size_t size, uint32_t number, int8_t *values, uint8_t *map,
                       uint32_t *dropped) {
  dqa_model model;
  struct dqa_edge edge;
  struct dqa_writer writer = {0, 0, 0, 0};
  if (!load(&model, program, size) || number >= model.edge_count) {
    return -1;
  }
  dqa_edge_at(&model, number, &edge);
  for (uint32_t y = 0; y < edge.height; ++y) {
    int8_t *const row = values + y * edge.row_values;
    dqa_coder_of(&model, edge.storage)->write_row(&model, &writer, &edge, map, row);
  }
  *dropped = writer.dropped;
  return (int64_t)(edge.storage == DQA_CODED ? 0 : edge.height * dqa_map_base_bytes(&edge)) + writer.extra;
}

/* Reads them back; rows y with y % skip_every == 0 are skipped (0: none) and left as they are. */
int64_t dqa_test_read(const void *program, size_t size, uint32_t number, const uint8_t *map, uint32_t skip_every,
                      int8_t *values) {
  dqa_model model;
  struct dqa_edge edge;
  const uint8_t *row = map;
  if (!load(&model, program, size) || number >= model.edge_count) {
    return -1;
  }
  dqa_edge_at(&model, number, &edge);
  for (uint32_t y = 0; y < edge.height; ++y) {
    const bool skip = skip_every != 0 && y % skip_every == 0;
    int8_t *const to = skip ? NULL : values + y * edge.row_values;
    row = dqa_coder_of(&model, edge.storage)->read_row(&model, &edge, row, map + edge.capacity, to);
  }
  return row - map;
}

int64_t dqa_test_scratch_bytes(const void *program, size_t size, uint32_t number) {
  dqa_model model;
  struct dqa_op op;
  if (!load(&model, program, size) || number >= model.op_count) {
    return -1;
  }
  dqa_op_at(&model, number, &op);
  return dqa_scratch_bytes(&op);
}

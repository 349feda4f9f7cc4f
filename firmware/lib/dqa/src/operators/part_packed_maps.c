/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: packed maps as an entry of the operator table, which brings their code along. */
#include "../storage/map.h"
#include "operator.h"

static const struct dqa_coder coder = {
    .check_record = dqa_packed_check_record, .write_row = dqa_packed_write_row, .read_row = dqa_packed_read_row};

const struct dqa_operator dqa_part_packed_maps = {.brings = {.coder = &coder}};

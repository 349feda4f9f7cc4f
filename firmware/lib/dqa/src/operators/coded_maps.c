/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: coded maps as an entry of the operator table, which brings their code along. */
#include "../storage/coded.h"
#include "operator.h"

static const struct dqa_coder coder = {
    .check_record = dqa_coded_check_record, .write_row = dqa_coded_write_row, .read_row = dqa_coded_read_row};

const struct dqa_operator dqa_coded_maps = {.brings = {.coder = &coder}};

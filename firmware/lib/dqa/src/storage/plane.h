/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: the code plane of a row. */
#ifndef DQA_PLANE_H
#define DQA_PLANE_H

#include "../format/edge.h"

/* Bytes of the code plane of a row. */
uint32_t dqa_plane_bytes(uint32_t values, uint32_t code_bits);
/* values[i] = low + (code[i] << extra_bits). */
void dqa_plane_unpack(const uint8_t *plane, uint32_t count, uint32_t code_bits, uint32_t extra_bits, int32_t low,
                      int8_t *values);
void dqa_plane_pack(const uint8_t *codes, uint32_t count, uint32_t code_bits, uint8_t *plane);

#endif

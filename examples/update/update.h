/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* A model that came as data, for firmware that has the model `wake` in it (docs/updating_a_model.md). */
#ifndef UPDATE_H
#define UPDATE_H

#include "dqa.h"

/* Loads the program at `slot`, any address, if it is one that is whole and takes the place of `wake`: its operators,
 * its arena, inputs and outputs of the same sizes. With UPDATE_SIGNED its signature must lie behind it. room: bytes
 * that may be read there. The slot must stay as it is while the model is in use; after a refusal all of *model is 0. */
dqa_status update_load(dqa_model *model, const uint8_t *slot, size_t room);

#endif

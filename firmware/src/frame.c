/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
#include "frame.h"

#include <string.h>

#include "dqa.h"

enum { AT_TYPE = 2, AT_SEQUENCE = 3, AT_LENGTH = 4 };

uint16_t frame_u16(const uint8_t *bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

uint32_t frame_u32(const uint8_t *bytes) { return frame_u16(bytes) | (uint32_t)frame_u16(bytes + 2) << 16; }

void frame_put_u16(uint8_t *bytes, uint16_t value) {
  bytes[0] = (uint8_t)value;
  bytes[1] = (uint8_t)(value >> 8);
}

void frame_put_u32(uint8_t *bytes, uint32_t value) {
  frame_put_u16(bytes, (uint16_t)value);
  frame_put_u16(bytes + 2, (uint16_t)(value >> 16));
}

uint8_t frame_type(const frame_buffer *buffer) { return buffer->bytes[AT_TYPE]; }
uint8_t frame_sequence(const frame_buffer *buffer) { return buffer->bytes[AT_SEQUENCE]; }
uint16_t frame_length(const frame_buffer *buffer) { return frame_u16(buffer->bytes + AT_LENGTH); }
uint8_t *frame_payload(frame_buffer *buffer) { return buffer->bytes + FRAME_HEADER; }

/* The checksum covers all but the two sync bytes. */
static uint32_t checksum(const frame_buffer *buffer, uint16_t length) {
  return dqa_crc32(0, buffer->bytes + AT_TYPE, (size_t)(FRAME_HEADER - AT_TYPE) + length);
}

static void drop(frame_buffer *buffer, uint16_t count) {
  buffer->held = (uint16_t)(buffer->held - count);
  memmove(buffer->bytes, buffer->bytes + count, buffer->held);
}

/* Drops what cannot begin a frame. */
static void find_sync(frame_buffer *buffer) {
  uint16_t at = 0;
  while (at < buffer->held) {
    int last = at + 1 == buffer->held;
    if (buffer->bytes[at] == FRAME_SYNC_0 && (last || buffer->bytes[at + 1] == FRAME_SYNC_1))
      break;
    at++;
  }
  if (at)
    drop(buffer, at);
}

void frame_push(frame_buffer *buffer, uint8_t byte) {
  if (buffer->held < FRAME_MAX)
    buffer->bytes[buffer->held++] = byte;
}

frame_event frame_next(frame_buffer *buffer) {
  drop(buffer, buffer->done);
  buffer->done = 0;
  find_sync(buffer);
  if (buffer->held < FRAME_HEADER)
    return FRAME_NONE;
  uint16_t length = frame_length(buffer);
  if (length > FRAME_PAYLOAD_MAX) {
    buffer->done = AT_TYPE; /* only the sync bytes: a real frame may begin right after */
    return FRAME_TOO_LONG;
  }
  uint16_t size = (uint16_t)(FRAME_HEADER + length + FRAME_CRC);
  if (buffer->held < size)
    return FRAME_NONE;
  if (frame_u32(buffer->bytes + FRAME_HEADER + length) != checksum(buffer, length)) {
    buffer->done = AT_TYPE;
    return FRAME_BAD_CRC;
  }
  buffer->done = size;
  return FRAME_READY;
}

void frame_close(frame_buffer *buffer, uint8_t type, uint8_t sequence, uint16_t length) {
  buffer->bytes[0] = FRAME_SYNC_0;
  buffer->bytes[1] = FRAME_SYNC_1;
  buffer->bytes[AT_TYPE] = type;
  buffer->bytes[AT_SEQUENCE] = sequence;
  frame_put_u16(buffer->bytes + AT_LENGTH, length);
  frame_put_u32(buffer->bytes + FRAME_HEADER + length, checksum(buffer, length));
  buffer->held = (uint16_t)(FRAME_HEADER + length + FRAME_CRC);
}

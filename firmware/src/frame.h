/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Frames of the serial protocol (docs/serial.md): finds them in a stream of bytes, whatever lies between them. */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  FRAME_SYNC_0 = 0xD0,
  FRAME_SYNC_1 = 0xA9,
  FRAME_HEADER = 6, /* sync 0, sync 1, type, sequence, u16 payload length */
  FRAME_CRC = 4,
  FRAME_PAYLOAD_MAX = 260,
  FRAME_MAX = FRAME_HEADER + FRAME_PAYLOAD_MAX + FRAME_CRC
};

/* The bytes of a frame, complete or growing. */
typedef struct {
  uint8_t bytes[FRAME_MAX];
  uint16_t held; /* bytes in use */
  uint16_t done; /* of them, those of the last event */
} frame_buffer;

typedef enum {
  FRAME_NONE,     /* more bytes are needed */
  FRAME_READY,    /* a whole frame lies at the front of the buffer */
  FRAME_TOO_LONG, /* a header that promises more than FRAME_PAYLOAD_MAX */
  FRAME_BAD_CRC
} frame_event;

/* Adds a byte; call frame_next until it gives FRAME_NONE before the next push. */
void frame_push(frame_buffer *buffer, uint8_t byte);
/* Forgets the last event's bytes and looks for the next. After any event but NONE, type and sequence may be read. */
frame_event frame_next(frame_buffer *buffer);

uint8_t frame_type(const frame_buffer *buffer);
uint8_t frame_sequence(const frame_buffer *buffer);
uint16_t frame_length(const frame_buffer *buffer);
uint8_t *frame_payload(frame_buffer *buffer);

/* Makes the buffer a whole frame around the length bytes (at most FRAME_PAYLOAD_MAX) already at frame_payload. */
void frame_close(frame_buffer *buffer, uint8_t type, uint8_t sequence, uint16_t length);

uint32_t frame_u32(const uint8_t *bytes);
uint16_t frame_u16(const uint8_t *bytes);
void frame_put_u32(uint8_t *bytes, uint32_t value);
void frame_put_u16(uint8_t *bytes, uint16_t value);

#ifdef __cplusplus
}
#endif
#endif

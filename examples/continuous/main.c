/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Frames come in on the serial port for as long as there are any; for each the board says what it took and whether it
 * completed an answer:
 *
 *   in:  DQA_MODEL_INPUT_ROW_SIZE bytes, a frame as the model takes it
 *   out: u8 dqa_status, u8 1 or 0: there is an answer, u16 0, u32 ticks of its counter, the answer (or zeros)
 *
 * Built with DQA_MODEL_CONTINUOUS=1, a board's driver (firmware/bsp) and the model of a conversion with --continuous.
 */
#include <string.h>

#include "board.h"
#include "model.h"

static uint8_t frame[DQA_MODEL_INPUT_ROW_SIZE];
static struct {
  uint8_t status, answered;
  uint16_t zero;
  uint32_t ticks;
  int8_t answer[DQA_MODEL_OUTPUT_SIZE];
} reply;

/* Nobody listens: what fails shows in that no reply comes. */
void on_fault(bool overflow, uint32_t detail) {
  (void)overflow;
  (void)detail;
  for (;;) {
  }
}

int main(void) {
  uart_open(board_open());
  int status = dqa_model_load();
  status = status == DQA_OK ? dqa_model_begin() : status;
  for (;;) {
    for (unsigned i = 0; i < sizeof frame; i++)
      frame[i] = uart_read();
    counter_start();
    status = status == DQA_OK ? dqa_model_push_row(frame) : status;
    memset(&reply, 0, sizeof reply);
    reply.ticks = (uint32_t)counter_stop();
    const int8_t *answer = status == DQA_OK ? dqa_model_answer() : NULL;
    reply.status = (uint8_t)status;
    reply.answered = answer != NULL;
    if (answer != NULL)
      memcpy(reply.answer, answer, sizeof reply.answer);
    uart_write((const uint8_t *)&reply, offsetof(__typeof__(reply), answer) + sizeof reply.answer);
  }
}

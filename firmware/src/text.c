/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
#include "text.h"

#include <stddef.h>

#include "board.h"

/* Lines go in pieces of this size, so that any length does. */
static uint8_t piece[64];
static size_t in_piece;

bool text_push(text_command *command, uint8_t byte) {
  if (command->done || byte == 0 || byte > 0x7F) {
    command->held = 0;
    command->overlong = command->done = false;
  }
  if (byte == 0 || byte > 0x7F)
    return false;
  if (byte == '%')
    command->done = true;
  else if (command->held < TEXT_MAX)
    command->chars[command->held++] = (char)byte;
  else
    command->overlong = true;
  command->chars[command->held] = 0;
  return command->done;
}

char *text_word(char **rest) {
  char *from = *rest;
  while (*from == ' ')
    from++;
  char *to = from;
  while (*to && *to != ' ')
    to++;
  *rest = *to ? to + 1 : to;
  *to = 0;
  return to > from ? from : NULL;
}

bool text_number(const char *word, uint32_t *value) {
  uint32_t sum = 0;
  unsigned digits = 0;
  for (; *word >= '0' && *word <= '9' && digits < 9; digits++)
    sum = sum * 10 + (uint32_t)(*word++ - '0');
  *value = sum;
  return digits && *word == 0;
}

int text_hex_digit(char digit) {
  if (digit >= '0' && digit <= '9')
    return digit - '0';
  if (digit >= 'a' && digit <= 'f')
    return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F')
    return digit - 'A' + 10;
  return -1;
}

static void send(void) {
  uart_write(piece, in_piece);
  in_piece = 0;
}

static void put(char c) {
  piece[in_piece++] = (uint8_t)c;
  if (in_piece == sizeof piece)
    send();
}

void text_put(const char *text) {
  for (; *text; text++)
    put(*text < ' ' || *text > '~' ? '?' : *text);
}

void text_put_number(uint64_t value) {
  char digits[21];
  char *at = digits + 20;
  *at = 0;
  do {
    *--at = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  text_put(at);
}

void text_put_hex(uint8_t byte) {
  put("0123456789abcdef"[byte >> 4]);
  put("0123456789abcdef"[byte & 15]);
}

void text_put_thousandths(float value) {
  if (value < 0) {
    put('-');
    value = -value;
  }
  /* the product is exact in a double, and so is the rounding */
  double thousandths = text_nearest((double)(value < 0x1p41f ? value : 0x1p41f) * 1000);
  uint64_t whole = (uint64_t)thousandths;
  text_put_number(whole / 1000);
  put('.');
  put((char)('0' + whole / 100 % 10));
  put((char)('0' + whole / 10 % 10));
  put((char)('0' + whole % 10));
}

void text_end(void) {
  put('\r');
  put('\n');
  if (in_piece)
    send();
}

void text_line(const char *text) {
  text_put(text);
  text_end();
}

double text_nearest(double value) {
  /* from here on a double has no fraction; volatile: the sum is not to be simplified, nor kept at a higher precision */
  volatile double shifted = value + 0x1.8p52;
  return shifted - 0x1.8p52;
}

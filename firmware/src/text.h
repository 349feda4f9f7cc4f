/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Text over the port: commands that end in '%', and lines of reply. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TEXT_MAX = 80 }; /* characters of a command before its '%' */

/* A command, complete or growing; 0 is an empty one. */
typedef struct {
  char chars[TEXT_MAX + 1];
  uint8_t held;
  bool overlong; /* what came beyond TEXT_MAX is lost */
  bool done;
} text_command;

/* Takes a byte; true when the command is complete, and stays so until the next byte. A byte that is no ASCII character,
 * or 0, makes what came before it forgotten: it was noise, or not text. */
bool text_push(text_command *command, uint8_t byte);

/* The next of the words between blanks, NULL behind the last; *rest begins at the command's characters and is moved on.
 */
char *text_word(char **rest);
/* Reads a whole number below 10^9 without a sign; false for anything else. */
bool text_number(const char *word, uint32_t *value);
/* The value of a hexadecimal digit, -1 for another character. */
int text_hex_digit(char digit);

/* Sends a piece of a line; what is not printable as '?'. */
void text_put(const char *text);
void text_put_number(uint64_t value);
void text_put_hex(uint8_t byte);
/* As printf's %0.3f of a float; beyond 2^41 as 2^41. */
void text_put_thousandths(float value);
/* Ends the line. */
void text_end(void);
/* Sends a whole line. */
void text_line(const char *text);

/* The nearest whole number, the even one of two, as printf and numpy's rint have it; |value| < 2^51. */
double text_nearest(double value);

#ifdef __cplusplus
}
#endif
#endif

/* Runs a board's start-up code and driver on registers in memory that do what RULES says; prints the clock, whether the
 * port took two bytes, and every register that was touched. */
#include <inttypes.h>
#include <stdio.h>

#include "board.h"

/* Where the masked bits of one register have a value, those of another get theirs. */
static const struct {
  uint32_t if_at, if_mask, if_value, then_at, then_mask, then_value;
} rules[] = {RULES{0, 0, 1, 0, 0, 0}};

enum { SLOTS = 512 };
static uintptr_t addresses[SLOTS];
static volatile uint32_t values[SLOTS];
static int used;

static volatile uint32_t *slot(uintptr_t address) {
  int i = 0;
  while (i < used && addresses[i] != address)
    i++;
  if (i == used)
    addresses[used++] = address;
  return &values[i];
}

volatile uint32_t *register_at(uintptr_t address) {
  for (unsigned i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    if ((*slot(rules[i].if_at) & rules[i].if_mask) == rules[i].if_value) {
      volatile uint32_t *then = slot(rules[i].then_at);
      *then = (*then & ~rules[i].then_mask) | rules[i].then_value;
    }
  }
  return slot(address);
}

void wait_for_interrupt(unsigned irq) { (void)irq; }
void forget_interrupt(unsigned irq) { (void)irq; }

int main(void) {
  static const uint8_t bytes[2] = {1, 2};
  uint32_t core_hz = board_open();
  uart_open(core_hz);
  printf("%" PRIu32 "\n%d\n", core_hz, uart_write(bytes, sizeof bytes));
  for (int i = 0; i < used; i++)
    printf("%#" PRIxPTR " %#" PRIx32 "\n", addresses[i], (uint32_t)values[i]);
  return 0;
}

/* In front of every file: the registers of board_registers.c. */
#ifndef BOARD_REGISTERS_H
#define BOARD_REGISTERS_H

#include <stdint.h>

volatile uint32_t *register_at(uintptr_t address);
#define REGISTER(address) (*register_at((uintptr_t)(address)))
#define BARRIER() ((void)0)

#endif

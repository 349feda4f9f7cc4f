/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* What the UART of Nordic's chips and the UARTE, its successor with DMA, have in common. */
#ifndef UART_NRF_H
#define UART_NRF_H

#include "board.h"

#if DQA_UART_BAUD != 115200
#error "Nordic's drivers know 115200 baud only"
#endif

#define START_RX REGISTER(DQA_UART_BASE + 0x000)
#define START_TX REGISTER(DQA_UART_BASE + 0x008)
#define INTERRUPT_SET REGISTER(DQA_UART_BASE + 0x304)
#define ENABLE REGISTER(DQA_UART_BASE + 0x500)
#define SELECT_TX REGISTER(DQA_UART_BASE + 0x50C)
#define SELECT_RX REGISTER(DQA_UART_BASE + 0x514)
#define BAUD_RATE REGISTER(DQA_UART_BASE + 0x524)

/* Connects the pins and enables the peripheral, whose number says which, and one interrupt. */
static inline void nrf_open_uart(uint32_t peripheral, uint32_t interrupt) {
  SELECT_TX = DQA_UART_TX_PIN;
  SELECT_RX = DQA_UART_RX_PIN;
  BAUD_RATE = 0x01D7E000; /* 115200 */
  ENABLE = peripheral;
  INTERRUPT_SET = interrupt;
}

#endif

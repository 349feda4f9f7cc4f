/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* STM32F4 at 168 MHz from the internal 16 MHz oscillator (no crystal needed, no over-drive needed), USART2 on port A.
 * If a clock does not come up the core stays at 16 MHz and says so. */
#include "board.h"

#ifdef DQA_SOC_STM32F4

enum { INTERNAL_HZ = 16000000, PATIENCE = 1000000 };
enum { PLL_ON = 1 << 24, PLL_READY = 1 << 25 };
enum { USART2_CLOCK = 1 << 17, POWER_CLOCK = 1 << 28, PORT_A_CLOCK = 1 << 0 };
enum { ALTERNATE_USART2 = 7, MODE_ALTERNATE = 2 };

#define RCC_CR REGISTER(0x40023800)
#define RCC_PLLCFGR REGISTER(0x40023804)
#define RCC_CFGR REGISTER(0x40023808)
#define RCC_AHB1ENR REGISTER(0x40023830)
#define RCC_APB1ENR REGISTER(0x40023840)
#define FLASH_ACR REGISTER(0x40023C00)
#define PWR_CR REGISTER(0x40007000)
#define PORT_A_MODE REGISTER(0x40020000)
#define PORT_A_ALTERNATE_LOW REGISTER(0x40020020)

#if DQA_CLOCK_HZ != 168000000 || DQA_UART_BASE != 0x40004400 || DQA_UART_TX_PIN > 7 || DQA_UART_RX_PIN > 7
#error "board_stm32f4.c sets up 168 MHz and USART2 on PA0..PA7 only"
#endif

static bool comes(volatile uint32_t *reg, uint32_t mask, uint32_t value) {
  for (uint32_t patience = PATIENCE; patience; patience--) {
    if ((*reg & mask) == value)
      return true;
  }
  return false;
}

#define BUS_PRESCALERS (4u << 13 | 5u << 10) /* APB2 = core / 2, APB1 = core / 4 */

static uint32_t open_clock(void) {
  RCC_CFGR = BUS_PRESCALERS;
  RCC_APB1ENR |= POWER_CLOCK;
  PWR_CR |= 3u << 14; /* voltage scale 1 */
  /* 16 MHz / 8 * 168 / 2 = 168 MHz; Q = 7 keeps the USB clock at its 48 MHz */
  RCC_PLLCFGR = 7u << 24 | 0u << 16 | 168u << 6 | 8u | 2u << 28;
  RCC_CR |= PLL_ON;
  if (!comes(&RCC_CR, PLL_READY, PLL_READY))
    return INTERNAL_HZ;
  /* 5 wait states, prefetch, instruction and data cache */
  FLASH_ACR = 1u << 10 | 1u << 9 | 1u << 8 | 5u;
  if (!comes(&FLASH_ACR, 0xF, 5))
    return INTERNAL_HZ;
  RCC_CFGR = BUS_PRESCALERS | 2u; /* core = PLL */
  if (!comes(&RCC_CFGR, 3u << 2, 2u << 2))
    return INTERNAL_HZ;
  return DQA_CLOCK_HZ;
}

static void open_pin(unsigned pin) {
  PORT_A_ALTERNATE_LOW = (PORT_A_ALTERNATE_LOW & ~(0xFu << 4 * pin)) | (uint32_t)ALTERNATE_USART2 << 4 * pin;
  PORT_A_MODE = (PORT_A_MODE & ~(3u << 2 * pin)) | (uint32_t)MODE_ALTERNATE << 2 * pin;
}

uint32_t board_open(void) {
  uint32_t core_hz = open_clock();
  RCC_AHB1ENR |= PORT_A_CLOCK;
  RCC_APB1ENR |= USART2_CLOCK;
  (void)RCC_APB1ENR; /* the clock runs two cycles after the write */
  open_pin(DQA_UART_TX_PIN);
  open_pin(DQA_UART_RX_PIN);
  return core_hz;
}

#endif

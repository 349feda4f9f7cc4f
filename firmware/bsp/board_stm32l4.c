/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* STM32L4 at 80 MHz and STM32L4+ at 120 MHz, from the internal 16 MHz oscillator; USART1 or LPUART1.
 * If a clock does not come up the core stays at 4 MHz and says so. */
#include "board.h"

#ifdef DQA_SOC_STM32L4

#include "stm32.h"

enum { INTERNAL_HZ = 4000000, PLL_STEP_HZ = 4000000 };
enum { HSI_ON = 1 << 8, HSI_READY = 1 << 10, PLL_ON = 1 << 24, PLL_READY = 1 << 25 };
enum { LPUART1_CLOCK = 1 << 0, USART1_CLOCK = 1 << 14, POWER_CLOCK = 1 << 28 };

#define RCC_CR REGISTER(0x40021000)
#define RCC_CFGR REGISTER(0x40021008)
#define RCC_PLLCFGR REGISTER(0x4002100C)
#define RCC_AHB2ENR REGISTER(0x4002104C)
#define RCC_APB1ENR1 REGISTER(0x40021058)
#define RCC_APB1ENR2 REGISTER(0x4002105C)
#define RCC_APB2ENR REGISTER(0x40021060)
#define PWR_CR2 REGISTER(0x40007004)
#define PWR_CR5 REGISTER(0x40007080)
#define FLASH_ACR REGISTER(0x40022000)
#define PORTS 0x48000000u

#if DQA_CLOCK_HZ == 80000000
enum { BOOST = 0, WAIT_STATES = 4 };
#elif DQA_CLOCK_HZ == 120000000
enum { BOOST = 1, WAIT_STATES = 5 };
#else
#error "board_stm32l4.c sets up 80 MHz (STM32L4) and 120 MHz (STM32L4+) only"
#endif
#if DQA_UART_BASE != 0x40013800 && DQA_UART_BASE != 0x40008000
#error "board_stm32l4.c sets up USART1 and LPUART1 only"
#endif

static uint32_t open_clock(void) {
  /* voltage range 1 is that of reset; above 80 MHz it takes its boost */
  if (BOOST)
    PWR_CR5 &= ~(1u << 8);
  RCC_CR |= HSI_ON;
  if (!comes(&RCC_CR, HSI_READY, HSI_READY))
    return INTERNAL_HZ;
  /* 16 MHz / 2 * N / 2 */
  RCC_PLLCFGR = 1u << 24 | 0u << 25 | (uint32_t)(DQA_CLOCK_HZ / PLL_STEP_HZ) << 8 | 1u << 4 | 2u;
  RCC_CR |= PLL_ON;
  if (!comes(&RCC_CR, PLL_READY, PLL_READY))
    return INTERNAL_HZ;
  /* prefetch, instruction and data cache */
  FLASH_ACR = 1u << 10 | 1u << 9 | 1u << 8 | WAIT_STATES;
  if (!comes(&FLASH_ACR, 0xF, WAIT_STATES))
    return INTERNAL_HZ;
  /* core = PLL; on the way up to more than 80 MHz it runs at half the clock for a microsecond */
  RCC_CFGR = (BOOST ? 8u << 4 : 0u) | 3u;
  if (!comes(&RCC_CFGR, 3u << 2, 3u << 2)) {
    RCC_CFGR = 0;
    return INTERNAL_HZ;
  }
  for (volatile unsigned rounds = 0; BOOST && rounds < 100; rounds++) {
  }
  RCC_CFGR = 3u;
  return DQA_CLOCK_HZ;
}

uint32_t board_open(void) {
  stm32_enable(&RCC_APB1ENR1, POWER_CLOCK);
  uint32_t core_hz = open_clock();
  if (STM32_PORT(DQA_UART_TX_PIN) == 6)
    PWR_CR2 |= 1u << 9; /* port G has a supply of its own, VDDIO2 */
  if (DQA_UART_BASE == 0x40013800)
    stm32_enable(&RCC_APB2ENR, USART1_CLOCK);
  else
    stm32_enable(&RCC_APB1ENR2, LPUART1_CLOCK);
  stm32_open_uart_pins(PORTS, &RCC_AHB2ENR);
  return core_hz;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* STM32U5, TrustZone off as it leaves the factory, at 160 MHz from the internal 16 MHz oscillator; USART1; instruction
 * cache on. If a clock does not come up the core stays at 4 MHz and says so. */
#include "board.h"

#ifdef DQA_SOC_STM32U5

#include "stm32.h"

enum { INTERNAL_HZ = 4000000 };
enum { HSI_ON = 1 << 8, HSI_READY = 1 << 10, PLL_ON = 1 << 24, PLL_READY = 1 << 25 };
enum { VOLTAGE_READY = 1 << 15, BOOST_READY = 1 << 14, BOOST = 1 << 18 };
enum { USART1_CLOCK = 1 << 14, POWER_CLOCK = 1 << 2 };

#define RCC_CR REGISTER(0x46020C00)
#define RCC_CFGR1 REGISTER(0x46020C1C)
#define RCC_CFGR2 REGISTER(0x46020C20)
#define RCC_PLL1CFGR REGISTER(0x46020C28)
#define RCC_PLL1DIVR REGISTER(0x46020C34)
#define RCC_AHB2ENR1 REGISTER(0x46020C8C)
#define RCC_AHB3ENR REGISTER(0x46020C94)
#define RCC_APB2ENR REGISTER(0x46020CA4)
#define PWR_VOSR REGISTER(0x4602080C)
#define FLASH_ACR REGISTER(0x40022000)
#define ICACHE_CR REGISTER(0x40030400)
#define ICACHE_SR REGISTER(0x40030404)
#define PORTS 0x42020000u

#if DQA_CLOCK_HZ != 160000000 || DQA_UART_BASE != 0x40013800
#error "board_stm32u5.c sets up 160 MHz and USART1 only"
#endif

static uint32_t open_clock(void) {
  stm32_enable(&RCC_AHB3ENR, POWER_CLOCK);
  RCC_CR |= HSI_ON;
  if (!comes(&RCC_CR, HSI_READY, HSI_READY))
    return INTERNAL_HZ;
  /* 16 MHz * 20 / 2 = 160 MHz; input of 8 to 16 MHz, output R; the booster gets 16 MHz / 2 */
  RCC_PLL1CFGR = 1u << 18 | 1u << 12 | 0u << 8 | 3u << 2 | 2u;
  RCC_PLL1DIVR = 1u << 24 | 1u << 16 | 1u << 9 | (20u - 1);
  PWR_VOSR |= 3u << 16; /* voltage range 1 */
  if (!comes(&PWR_VOSR, VOLTAGE_READY, VOLTAGE_READY))
    return INTERNAL_HZ;
  PWR_VOSR |= BOOST;
  if (!comes(&PWR_VOSR, BOOST_READY, BOOST_READY))
    return INTERNAL_HZ;
  RCC_CR |= PLL_ON;
  if (!comes(&RCC_CR, PLL_READY, PLL_READY))
    return INTERNAL_HZ;
  FLASH_ACR = 1u << 8 | 4u; /* prefetch, 4 wait states */
  if (!comes(&FLASH_ACR, 0xF, 4))
    return INTERNAL_HZ;
  RCC_CFGR2 = 8u; /* half the clock for a microsecond on the way up */
  RCC_CFGR1 = 3u; /* core = PLL */
  if (!comes(&RCC_CFGR1, 3u << 2, 3u << 2)) {
    RCC_CFGR1 = 0;
    RCC_CFGR2 = 0;
    return INTERNAL_HZ;
  }
  for (volatile unsigned rounds = 0; rounds < 100; rounds++) {
  }
  RCC_CFGR2 = 0;
  return DQA_CLOCK_HZ;
}

uint32_t board_open(void) {
  uint32_t core_hz = open_clock();
  if (comes(&ICACHE_SR, 1, 0)) /* it empties itself after reset */
    ICACHE_CR |= 1u;
  stm32_enable(&RCC_APB2ENR, USART1_CLOCK);
  stm32_open_uart_pins(PORTS, &RCC_AHB2ENR1);
  return core_hz;
}

#endif

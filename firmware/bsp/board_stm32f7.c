/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* STM32F7 at 216 MHz, with over-drive, from the internal 16 MHz oscillator; USART3; both caches on.
 * If a clock does not come up the core stays at 16 MHz and says so. */
#include "board.h"

#ifdef DQA_SOC_STM32F7

#include "cache_m7.h"
#include "stm32.h"

enum { INTERNAL_HZ = 16000000 };
enum { PLL_ON = 1 << 24, PLL_READY = 1 << 25 };
enum { OVER_DRIVE = 1 << 16, OVER_DRIVE_SWITCH = 1 << 17 }; /* and the flags that answer */
enum { USART3_CLOCK = 1 << 18, POWER_CLOCK = 1 << 28 };

#define RCC_CR REGISTER(0x40023800)
#define RCC_PLLCFGR REGISTER(0x40023804)
#define RCC_CFGR REGISTER(0x40023808)
#define RCC_AHB1ENR REGISTER(0x40023830)
#define RCC_APB1ENR REGISTER(0x40023840)
#define FLASH_ACR REGISTER(0x40023C00)
#define PWR_CR1 REGISTER(0x40007000)
#define PWR_CSR1 REGISTER(0x40007004)
#define PORTS 0x40020000u

#if DQA_CLOCK_HZ != 216000000 || DQA_UART_BASE != 0x40004800
#error "board_stm32f7.c sets up 216 MHz and USART3 only"
#endif

#define BUS_PRESCALERS (4u << 13 | 5u << 10) /* APB2 = core / 2, APB1 = core / 4 */

static uint32_t open_clock(void) {
  RCC_CFGR = BUS_PRESCALERS;
  stm32_enable(&RCC_APB1ENR, POWER_CLOCK);
  PWR_CR1 |= 3u << 14; /* voltage scale 1 */
  /* 16 MHz / 8 * 216 / 2 = 216 MHz; Q = 9 keeps the USB clock at its 48 MHz */
  RCC_PLLCFGR = 9u << 24 | 0u << 16 | 216u << 6 | 8u | 2u << 28;
  RCC_CR |= PLL_ON;
  if (!comes(&RCC_CR, PLL_READY, PLL_READY))
    return INTERNAL_HZ;
  PWR_CR1 |= OVER_DRIVE;
  if (!comes(&PWR_CSR1, OVER_DRIVE, OVER_DRIVE))
    return INTERNAL_HZ;
  PWR_CR1 |= OVER_DRIVE_SWITCH;
  if (!comes(&PWR_CSR1, OVER_DRIVE_SWITCH, OVER_DRIVE_SWITCH))
    return INTERNAL_HZ;
  /* 7 wait states, prefetch, accelerator */
  FLASH_ACR = 1u << 9 | 1u << 8 | 7u;
  if (!comes(&FLASH_ACR, 0xF, 7))
    return INTERNAL_HZ;
  RCC_CFGR = BUS_PRESCALERS | 2u; /* core = PLL */
  if (!comes(&RCC_CFGR, 3u << 2, 2u << 2))
    return INTERNAL_HZ;
  return DQA_CLOCK_HZ;
}

uint32_t board_open(void) {
  cache_m7_open();
  uint32_t core_hz = open_clock();
  stm32_enable(&RCC_APB1ENR, USART3_CLOCK);
  stm32_open_uart_pins(PORTS, &RCC_AHB1ENR);
  return core_hz;
}

#endif

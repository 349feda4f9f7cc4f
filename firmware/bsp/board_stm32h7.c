/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* STM32H743 at 400 MHz, which all revisions run at, from the internal 64 MHz oscillator; USART3; both caches on.
 * If a clock does not come up the core stays at 64 MHz and says so. */
#include "board.h"

#ifdef DQA_SOC_STM32H7

#include "cache_m7.h"
#include "stm32.h"

enum { INTERNAL_HZ = 64000000 };
enum { PLL_ON = 1 << 24, PLL_READY = 1 << 25, VOLTAGE_READY = 1 << 13 };
enum { USART3_CLOCK = 1 << 18 };

#define RCC_CR REGISTER(0x58024400)
#define RCC_CFGR REGISTER(0x58024410)
#define RCC_D1CFGR REGISTER(0x58024418)
#define RCC_D2CFGR REGISTER(0x5802441C)
#define RCC_D3CFGR REGISTER(0x58024420)
#define RCC_PLLCKSELR REGISTER(0x58024428)
#define RCC_PLLCFGR REGISTER(0x5802442C)
#define RCC_PLL1DIVR REGISTER(0x58024430)
#define RCC_AHB4ENR REGISTER(0x580244E0)
#define RCC_APB1LENR REGISTER(0x580244E8)
#define PWR_CSR1 REGISTER(0x58024804)
#define PWR_CR3 REGISTER(0x5802480C)
#define PWR_D3CR REGISTER(0x58024818)
#define FLASH_ACR REGISTER(0x52002000)
#define PORTS 0x58020000u

#if DQA_CLOCK_HZ != 400000000 || DQA_UART_BASE != 0x40004800
#error "board_stm32h7.c sets up 400 MHz and USART3 only"
#endif

static uint32_t open_clock(void) {
  /* AHB = core / 2, APB1 to APB4 = core / 4 */
  RCC_D1CFGR = 4u << 4 | 8u;
  RCC_D2CFGR = 4u << 8 | 4u << 4;
  RCC_D3CFGR = 4u << 4;
  PWR_CR3 = (PWR_CR3 & ~7u) | 2u; /* the LDO supplies; the voltage can be changed only after this is said */
  if (!comes(&PWR_CSR1, VOLTAGE_READY, VOLTAGE_READY))
    return INTERNAL_HZ;
  PWR_D3CR |= 3u << 14; /* voltage scale 1 */
  if (!comes(&PWR_D3CR, VOLTAGE_READY, VOLTAGE_READY))
    return INTERNAL_HZ;
  /* 64 MHz / 8 * 100 / 2 = 400 MHz; input of 8 to 16 MHz, wide oscillator, output P */
  RCC_PLLCKSELR = (RCC_PLLCKSELR & ~(0x3Fu << 4 | 3u)) | 8u << 4;
  RCC_PLLCFGR = (RCC_PLLCFGR & ~0xFu) | 3u << 2 | 1u << 16;
  RCC_PLL1DIVR = 1u << 24 | 1u << 16 | 1u << 9 | (100u - 1);
  RCC_CR |= PLL_ON;
  if (!comes(&RCC_CR, PLL_READY, PLL_READY))
    return INTERNAL_HZ;
  FLASH_ACR = 2u << 4 | 2u; /* 2 wait states and the signal delay of 200 MHz */
  if (!comes(&FLASH_ACR, 0xF, 2))
    return INTERNAL_HZ;
  RCC_CFGR = (RCC_CFGR & ~7u) | 3u; /* core = PLL */
  if (!comes(&RCC_CFGR, 7u << 3, 3u << 3))
    return INTERNAL_HZ;
  return DQA_CLOCK_HZ;
}

uint32_t board_open(void) {
  cache_m7_open();
  uint32_t core_hz = open_clock();
  stm32_enable(&RCC_APB1LENR, USART3_CLOCK);
  stm32_open_uart_pins(PORTS, &RCC_AHB4ENR);
  return core_hz;
}

#endif

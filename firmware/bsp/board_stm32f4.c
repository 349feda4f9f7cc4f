/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* STM32F4 at 168 MHz, which takes no over-drive, with USART2, and STM32F7 at 216 MHz, with over-drive and both caches,
 * with USART3; from the internal 16 MHz oscillator, so that no crystal is needed. If a clock does not come up the core
 * stays at 16 MHz and says so. */
#include "board.h"

#if defined(DQA_SOC_STM32F4) || defined(DQA_SOC_STM32F7)

#include "cache_m7.h"
#include "stm32.h"

#ifdef DQA_SOC_STM32F4
enum { IS_F7 = 0, UART_CLOCK = 1 << 17, USB_DIVIDER = 7, WAIT_STATES = 5 };
#define FLASH_SPEED (1u << 10 | 1u << 9 | 1u << 8) /* data and instruction cache, prefetch */
#if DQA_CLOCK_HZ != 168000000 || DQA_UART_BASE != 0x40004400
#error "board_stm32f4.c sets up an STM32F4 at 168 MHz and its USART2 only"
#endif
#else
enum { IS_F7 = 1, UART_CLOCK = 1 << 18, USB_DIVIDER = 9, WAIT_STATES = 7 };
#define FLASH_SPEED (1u << 9 | 1u << 8) /* accelerator, prefetch */
#if DQA_CLOCK_HZ != 216000000 || DQA_UART_BASE != 0x40004800
#error "board_stm32f4.c sets up an STM32F7 at 216 MHz and its USART3 only"
#endif
#endif

enum { INTERNAL_HZ = 16000000, POWER_CLOCK = 1 << 28 };
enum { PLL_ON = 1 << 24, PLL_READY = 1 << 25 };
enum { OVER_DRIVE = 1 << 16, OVER_DRIVE_SWITCH = 1 << 17 }; /* and the flags that answer */

#define RCC_CR REGISTER(0x40023800)
#define RCC_PLLCFGR REGISTER(0x40023804)
#define RCC_CFGR REGISTER(0x40023808)
#define RCC_AHB1ENR REGISTER(0x40023830)
#define RCC_APB1ENR REGISTER(0x40023840)
#define FLASH_ACR REGISTER(0x40023C00)
#define PWR_CR REGISTER(0x40007000)
#define PWR_CSR REGISTER(0x40007004)
#define PORTS 0x40020000u

#define BUS_PRESCALERS (4u << 13 | 5u << 10) /* APB2 = core / 2, APB1 = core / 4 */

static bool over_drive(void) {
  PWR_CR |= OVER_DRIVE;
  if (!comes(&PWR_CSR, OVER_DRIVE, OVER_DRIVE))
    return false;
  PWR_CR |= OVER_DRIVE_SWITCH;
  return comes(&PWR_CSR, OVER_DRIVE_SWITCH, OVER_DRIVE_SWITCH);
}

static uint32_t open_clock(void) {
  RCC_CFGR = BUS_PRESCALERS;
  stm32_enable(&RCC_APB1ENR, POWER_CLOCK);
  PWR_CR |= 3u << 14; /* voltage scale 1 */
  /* 16 MHz / 8 * N / 2; the USB clock is kept at its 48 MHz */
  RCC_PLLCFGR = (uint32_t)USB_DIVIDER << 24 | 0u << 16 | (uint32_t)(DQA_CLOCK_HZ / 1000000) << 6 | 8u | 2u << 28;
  RCC_CR |= PLL_ON;
  if (!comes(&RCC_CR, PLL_READY, PLL_READY))
    return INTERNAL_HZ;
  if (IS_F7 && !over_drive())
    return INTERNAL_HZ;
  FLASH_ACR = FLASH_SPEED | WAIT_STATES;
  if (!comes(&FLASH_ACR, 0xF, WAIT_STATES))
    return INTERNAL_HZ;
  RCC_CFGR = BUS_PRESCALERS | 2u; /* core = PLL */
  if (!comes(&RCC_CFGR, 3u << 2, 2u << 2))
    return INTERNAL_HZ;
  return DQA_CLOCK_HZ;
}

uint32_t board_open(void) {
  if (IS_F7)
    cache_m7_open();
  uint32_t core_hz = open_clock();
  stm32_enable(&RCC_APB1ENR, UART_CLOCK);
  stm32_open_uart_pins(PORTS, &RCC_AHB1ENR);
  return core_hz;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* RP2350 (Raspberry Pi Pico 2), Arm core 0, secure: 150 MHz from the 12 MHz crystal; UART0. If the PLL does not lock
 * the core stays at 12 MHz and says so; without the crystal it runs on the ring oscillator, too inexact for the port.
 */
#include "board.h"

#ifdef DQA_SOC_RP2350

enum { CRYSTAL_HZ = 12000000, RING_HZ = 11000000 };
enum { UART0 = 1 << 26, PLL_SYSTEM = 1 << 14, PADS = 1 << 9, PINS = 1 << 6 };
enum { TO_UART = 2, PAD_INPUT = 1 << 6, PAD_4_MA = 1 << 4, PAD_PULL_UP = 1 << 3, PAD_SCHMITT = 1 << 1 };

#define RESETS REGISTER(0x40020000)
#define RESETS_DONE REGISTER(0x40020008)
#define CLK_REF_CTRL REGISTER(0x40010030)
#define CLK_REF_SELECTED REGISTER(0x40010038)
#define CLK_SYS_CTRL REGISTER(0x4001003C)
#define CLK_SYS_SELECTED REGISTER(0x40010044)
#define CLK_PERI_CTRL REGISTER(0x40010048)
#define XOSC_CTRL REGISTER(0x40048000)
#define XOSC_STATUS REGISTER(0x40048004)
#define XOSC_STARTUP REGISTER(0x4004800C)
#define PLL_CS REGISTER(0x40050000)
#define PLL_PWR REGISTER(0x40050004)
#define PLL_FBDIV REGISTER(0x40050008)
#define PLL_PRIM REGISTER(0x4005000C)
#define PIN_FUNCTION(pin) REGISTER(0x40028004 + 8u * (pin))
#define PAD(pin) REGISTER(0x40038004 + 4u * (pin))

#if DQA_CLOCK_HZ != 150000000 || DQA_UART_BASE != 0x40070000
#error "board_rp2350.c sets up 150 MHz and UART0 only"
#endif

/* What the boot ROM looks for in the first 4 KiB: an executable image for the Arm core, secure, one block alone. */
__attribute__((section(".image_definition"), used)) static const uint32_t image_definition[] = {
    0xFFFFDED3, 0x10210142, 0x000001FF, 0x00000000, 0xAB123579,
};

static bool release(uint32_t blocks) {
  RESETS &= ~blocks;
  return comes(&RESETS_DONE, blocks, blocks);
}

static uint32_t open_clock(void) {
  /* the system clock leaves the PLL, if a boot loader left it there */
  CLK_SYS_CTRL &= ~1u;
  if (!comes(&CLK_SYS_SELECTED, 1, 1))
    return RING_HZ;
  XOSC_STARTUP = 47; /* times 256 cycles: 1 ms */
  XOSC_CTRL = 0xFABu << 12 | 0xAA0u;
  if (!comes(&XOSC_STATUS, 1u << 31, 1u << 31))
    return RING_HZ;
  CLK_REF_CTRL = 2; /* the crystal */
  if (!comes(&CLK_REF_SELECTED, 1u << 2, 1u << 2))
    return RING_HZ;
  /* 12 MHz * 125 / 5 / 2 = 150 MHz */
  RESETS |= PLL_SYSTEM;
  if (!release(PLL_SYSTEM))
    return CRYSTAL_HZ;
  PLL_CS = 1;
  PLL_FBDIV = 125;
  PLL_PWR &= ~(1u << 5 | 1u << 0);
  if (!comes(&PLL_CS, 1u << 31, 1u << 31))
    return CRYSTAL_HZ;
  PLL_PRIM = 5u << 16 | 2u << 12;
  PLL_PWR &= ~(1u << 3);
  CLK_SYS_CTRL = 0u << 5; /* of the other sources the PLL */
  CLK_SYS_CTRL |= 1;
  if (!comes(&CLK_SYS_SELECTED, 2, 2))
    return CRYSTAL_HZ;
  return DQA_CLOCK_HZ;
}

static void open_pin(unsigned pin) {
  PIN_FUNCTION(pin) = TO_UART;
  PAD(pin) = PAD_INPUT | PAD_4_MA | PAD_PULL_UP | PAD_SCHMITT; /* and no longer isolated, as after reset */
}

uint32_t board_open(void) {
  uint32_t core_hz = open_clock();
  (void)release(PADS | PINS);
  CLK_PERI_CTRL = 1u << 11; /* the system clock */
  RESETS |= UART0;
  (void)release(UART0);
  open_pin(DQA_UART_TX_PIN);
  open_pin(DQA_UART_RX_PIN);
  return core_hz;
}

#endif

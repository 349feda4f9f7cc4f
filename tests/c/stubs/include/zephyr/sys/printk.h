/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* A stand-in for Zephyr's header. */
#include <stdio.h>
#define printk printf

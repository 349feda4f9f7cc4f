# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The dqa authors
# Arm MPS2+ with AN386, Cortex-M4F (QEMU): renode-test --variable OUT:out/model --variable DATA:test.npz board.robot

*** Settings ***
Library           Process

*** Variables ***
${PTY}            /tmp/dqa-mps2_an386
${SAMPLES}        5

*** Test Cases ***
The Board Answers As The Host
    Execute Command               $pty="${PTY}"
    Execute Command               include @${CURDIR}/run.resc
    ${done}=                      Run Process  dqa  evaluate  ${OUT}  --data  ${DATA}  --limit  ${SAMPLES}  --target  serial:${PTY}  --json  -
    Should Be Equal As Integers   ${done.rc}  0  msg=${done.stderr}
    ${found}=                     Evaluate  json.loads($done.stdout)  modules=json
    Should Be Equal As Integers   ${found['agreement']['equal']}  ${found['agreement']['of']}

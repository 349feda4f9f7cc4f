# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The dqa authors
# Nordic nRF52840 DK, Cortex-M4F: renode-test --variable OUT:out/model --variable DATA:test.npz board.robot

*** Settings ***
Library           Process

*** Variables ***
${PTY}            /tmp/dqa-nrf52840_dk
${SAMPLES}        5

*** Test Cases ***
The Board Answers As The Host
    Execute Command               $pty="${PTY}"
    Execute Command               include @${CURDIR}/run.resc
    ${done}=                      Run Process  dqa  evaluate  ${OUT}  --data  ${DATA}  --limit  ${SAMPLES}  --target  serial:${PTY}  --json  -
    Should Be Equal As Integers   ${done.rc}  0  msg=${done.stderr}
    ${found}=                     Evaluate  json.loads($done.stdout)  modules=json
    Should Be Equal As Integers   ${found['agreement']['equal']}  ${found['agreement']['of']}

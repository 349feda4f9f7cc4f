# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The dqa authors
# A stand-in for Zephyr's package, as far as the sample of an export needs it: an application of the host.
project(stand_in LANGUAGES C)
add_executable(app)
target_include_directories(app PRIVATE "${CMAKE_CURRENT_LIST_DIR}/include")

function(zephyr_include_directories folder)
  target_include_directories(app PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/${folder}")
  set_property(GLOBAL APPEND PROPERTY stand_in_includes "${CMAKE_CURRENT_SOURCE_DIR}/${folder}")
endfunction()

macro(zephyr_library_named name)
  set(stand_in_library ${name})
  get_property(stand_in_folders GLOBAL PROPERTY stand_in_includes)
  add_library(${name} STATIC)
  target_include_directories(${name} PRIVATE ${stand_in_folders})
  target_link_libraries(app PRIVATE ${name})
endmacro()

function(zephyr_library_sources)
  target_sources(${stand_in_library} PRIVATE ${ARGN})
endfunction()

function(zephyr_library_compile_options)
  target_compile_options(${stand_in_library} PRIVATE ${ARGN})
endfunction()

file(STRINGS "${CMAKE_CURRENT_SOURCE_DIR}/prj.conf" stand_in_settings REGEX "^CONFIG_.*=y$")
foreach(setting IN LISTS stand_in_settings)
  string(REPLACE "=y" "" name "${setting}")
  set(${name} y)
endforeach()
foreach(module IN LISTS ZEPHYR_EXTRA_MODULES)
  add_subdirectory("${module}/zephyr" module)
endforeach()

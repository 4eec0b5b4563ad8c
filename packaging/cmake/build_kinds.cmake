# What distinguishes the presets: warnings, sanitizers, hardening, fuzzing.

option(MAILPOOL_TESTS "Build the tests" ON)
option(MAILPOOL_WERROR "Warnings are errors" OFF)
option(MAILPOOL_FUZZ "Instrument for libFuzzer and build the fuzz targets (clang only)" OFF)
set(MAILPOOL_SANITIZE "" CACHE STRING "Sanitizers, for -fsanitize=")

add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<CXX_COMPILER_ID:Clang>:-Wnull-dereference>  # gcc 12 finds it in its own std::string
  -Wformat=2 -Wundef)
if(MAILPOOL_WERROR)
  add_compile_options(-Werror)
endif()

if(MAILPOOL_SANITIZE)
  add_compile_options(-fsanitize=${MAILPOOL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MAILPOOL_SANITIZE})
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()

find_program(MAILPOOL_CCACHE ccache)
if(MAILPOOL_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MAILPOOL_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${MAILPOOL_CCACHE})
endif()

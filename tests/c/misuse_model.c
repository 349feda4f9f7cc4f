/* Calls every function of a rendered model.h before its turn, out of turn and with null pointers; meant to be built
 * with sanitizers, with and without DQA_MODEL_PUSHED. Status: 0, or the line of the first wrong answer modulo 256. */
#include "model.h"

#include <string.h>

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      return __LINE__ & 255;                                                                                           \
    }                                                                                                                  \
  } while (0)

static const int8_t *const untouched = (const int8_t *)"";

#if DQA_MODEL_PUSHED

static uint8_t row[DQA_MODEL_INPUT_ROW_SIZE];

static int use(int loaded) {
  const int8_t *output = untouched;
  CHECK(dqa_model_push_row(row) == DQA_ERROR_ARGUMENT && dqa_model_push_row(NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_model_end(&output) == DQA_ERROR_ARGUMENT && dqa_model_end(NULL) == DQA_ERROR_ARGUMENT);
  CHECK(dqa_model_begin() == (loaded ? DQA_OK : DQA_ERROR_ARGUMENT));
  CHECK(dqa_model_push_row(NULL) == DQA_ERROR_ARGUMENT && dqa_model_end(&output) == DQA_ERROR_ARGUMENT);
  for (unsigned y = 0; y < DQA_MODEL_INPUT_HEIGHT && loaded; ++y) {
    CHECK(dqa_model_push_row(row) == DQA_OK);
  }
  CHECK(dqa_model_push_row(row) == DQA_ERROR_ARGUMENT && output == untouched);
  if (loaded) {
    CHECK(dqa_model_end(&output) == DQA_OK && output != untouched);
    CHECK(dqa_model_end(&output) == DQA_ERROR_ARGUMENT && dqa_model_push_row(row) == DQA_ERROR_ARGUMENT);
    CHECK(dqa_model_begin() == DQA_OK && dqa_model_begin() == DQA_OK);
    memset(dqa_model_arena, 0, sizeof dqa_model_arena); /* the caller's own fault: refused */
    CHECK(dqa_model_push_row(row) == DQA_ERROR_ARGUMENT && dqa_model_end(NULL) == DQA_ERROR_ARGUMENT);
  }
  return 0;
}

#else

static int use(int loaded) {
  const int8_t *output = untouched;
  CHECK((dqa_model_input() != NULL) == loaded);
  CHECK(dqa_model_run(&output) == (loaded ? DQA_OK : DQA_ERROR_ARGUMENT));
  CHECK((output == untouched) == !loaded && output != NULL);
  CHECK(dqa_model_run(NULL) == (loaded ? DQA_OK : DQA_ERROR_ARGUMENT)); /* on what the last run left */
  return 0;
}

#endif

int main(void) {
  int wrong = use(0);
  for (int times = 0; times < 2 && wrong == 0; ++times) { /* loaded twice */
    CHECK(dqa_model_load() == DQA_OK);
    wrong = use(1);
  }
  return wrong;
}

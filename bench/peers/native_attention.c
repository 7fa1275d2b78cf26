// Attention of one query in C: loops that the compiler vectorises. Sizes are
// constants, and four tokens are taken at once, so that what is accumulated
// is read and written a quarter as often.
#include <math.h>

static float scores[GROUP][TOKENS];

static void score(const float *q, const float *keys) {
  for (int token = 0; token < TOKENS; token++)
    for (int g = 0; g < GROUP; g++) {
      float sum = 0;
      for (int d = 0; d < HEAD_DIM; d++)
        sum += q[g * HEAD_DIM + d] * keys[token * HEAD_DIM + d];
      scores[g][token] = sum / sqrtf(HEAD_DIM);
    }
}

static void softmax(float *x) {
  float most = x[0], sum = 0;
  for (int i = 0; i < TOKENS; i++) most = x[i] > most ? x[i] : most;
  for (int i = 0; i < TOKENS; i++) sum += x[i] = expf(x[i] - most);
  for (int i = 0; i < TOKENS; i++) x[i] /= sum;
}

static void weigh(const float *values, float *out) {
  for (int i = 0; i < GROUP * HEAD_DIM; i++) out[i] = 0;
  for (int token = 0; token < TOKENS; token += 4) {
    const float *v = values + token * HEAD_DIM;
    for (int g = 0; g < GROUP; g++) {
      const float *p = scores[g] + token;
      for (int d = 0; d < HEAD_DIM; d++)
        out[g * HEAD_DIM + d] += p[0] * v[d] + p[1] * v[d + HEAD_DIM] +
                                 p[2] * v[d + 2 * HEAD_DIM] +
                                 p[3] * v[d + 3 * HEAD_DIM];
    }
  }
}

void attend(const float *q, const float *keys, const float *values, float *out) {
  for (int head = 0; head < KV_HEADS; head++) {
    score(q, keys);
    for (int g = 0; g < GROUP; g++) softmax(scores[g]);
    weigh(values, out);
    q += GROUP * HEAD_DIM;
    out += GROUP * HEAD_DIM;
    keys += TOKENS * HEAD_DIM;
    values += TOKENS * HEAD_DIM;
  }
}

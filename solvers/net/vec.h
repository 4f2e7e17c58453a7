/* vec.h - the few vector operations that the kernels are written in, for one instruction set: the
 * file that includes it defines NET_AVX512, NET_AVX2 or neither (a vector is then one real).
 *
 * Loads and stores take a mask of the lanes in use, so that any channel count works: lanes outside
 * are read as 0 and not written. */
#include <math.h>

#if defined(NET_AVX512)
#include <immintrin.h>
enum { VEC = 16 };
typedef __m512 vec;
typedef __mmask16 vec_lanes;
static inline vec_lanes vec_first(int n) {
    return n >= VEC ? (vec_lanes)0xffff : (vec_lanes)((1u << n) - 1);
}
static inline vec vec_load(const real *p, vec_lanes lanes) {
    return _mm512_maskz_loadu_ps(lanes, p);
}
static inline void vec_store(real *p, vec_lanes lanes, vec v) {
    _mm512_mask_storeu_ps(p, lanes, v);
}
static inline vec vec_get(const real *p) {
    return _mm512_loadu_ps(p);
}
static inline void vec_put(real *p, vec v) {
    _mm512_storeu_ps(p, v);
}
static inline vec vec_all(real v) {
    return _mm512_set1_ps(v);
}
static inline vec vec_add(vec a, vec b) {
    return _mm512_add_ps(a, b);
}
static inline vec vec_sub(vec a, vec b) {
    return _mm512_sub_ps(a, b);
}
static inline vec vec_mul(vec a, vec b) {
    return _mm512_mul_ps(a, b);
}
static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}
static inline vec vec_max(vec a, vec b) {
    return _mm512_max_ps(a, b);
}
static inline vec vec_min(vec a, vec b) {
    return _mm512_min_ps(a, b);
}
/* v where a > b, else 0. */
static inline vec vec_where(vec a, vec b, vec v) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), v);
}

#elif defined(NET_AVX2)
#include <immintrin.h>
enum { VEC = 8 };
typedef __m256 vec;
typedef int vec_lanes; /* how many */
static inline vec_lanes vec_first(int n) {
    return n >= VEC ? VEC : n;
}
static inline __m256i vec_bits(vec_lanes lanes) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vec vec_load(const real *p, vec_lanes lanes) {
    return lanes == VEC ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, vec_bits(lanes));
}
static inline void vec_store(real *p, vec_lanes lanes, vec v) {
    if (lanes == VEC)
        _mm256_storeu_ps(p, v);
    else
        _mm256_maskstore_ps(p, vec_bits(lanes), v);
}
static inline vec vec_get(const real *p) {
    return _mm256_loadu_ps(p);
}
static inline void vec_put(real *p, vec v) {
    _mm256_storeu_ps(p, v);
}
static inline vec vec_all(real v) {
    return _mm256_set1_ps(v);
}
static inline vec vec_add(vec a, vec b) {
    return _mm256_add_ps(a, b);
}
static inline vec vec_sub(vec a, vec b) {
    return _mm256_sub_ps(a, b);
}
static inline vec vec_mul(vec a, vec b) {
    return _mm256_mul_ps(a, b);
}
static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}
static inline vec vec_max(vec a, vec b) {
    return _mm256_max_ps(a, b);
}
static inline vec vec_min(vec a, vec b) {
    return _mm256_min_ps(a, b);
}
static inline vec vec_where(vec a, vec b, vec v) {
    return _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ), v);
}

#else
enum { VEC = 1 };
typedef real vec;
typedef int vec_lanes;
static inline vec_lanes vec_first(int n) {
    return n >= VEC;
}
static inline vec vec_load(const real *p, vec_lanes lanes) {
    return lanes ? *p : 0;
}
static inline void vec_store(real *p, vec_lanes lanes, vec v) {
    if (lanes)
        *p = v;
}
static inline vec vec_get(const real *p) {
    return *p;
}
static inline void vec_put(real *p, vec v) {
    *p = v;
}
static inline vec vec_all(real v) {
    return v;
}
static inline vec vec_add(vec a, vec b) {
    return a + b;
}
static inline vec vec_sub(vec a, vec b) {
    return a - b;
}
static inline vec vec_mul(vec a, vec b) {
    return a * b;
}
static inline vec vec_fma(vec a, vec b, vec c) {
    return a * b + c;
}
static inline vec vec_max(vec a, vec b) {
    return a > b ? a : b;
}
static inline vec vec_min(vec a, vec b) {
    return a < b ? a : b;
}
static inline vec vec_where(vec a, vec b, vec v) {
    return a > b ? v : 0;
}
#endif

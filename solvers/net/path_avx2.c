/* path_avx2.c - the kernels for AVX2 and FMA. */
#if defined(__x86_64__) && !defined(NET_DOUBLE)
#pragma GCC target("avx2,fma")
#define NET_AVX2
#define NET_TABLE net_avx2
#define NET_TABLE_NAME "avx2"
#include "kernels.inc"
#else
typedef int net_no_avx2; /* a translation unit may not be empty */
#endif

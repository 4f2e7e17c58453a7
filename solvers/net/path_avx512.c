/* path_avx512.c - the kernels for AVX-512. */
#if defined(__x86_64__) && !defined(NET_DOUBLE)
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,fma")
#define NET_AVX512
#define NET_TABLE net_avx512
#define NET_TABLE_NAME "avx512"
#include "kernels.inc"
#else
typedef int net_no_avx512; /* a translation unit may not be empty */
#endif

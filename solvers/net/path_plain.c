/* path_plain.c - the kernels in plain C, a vector being one number: works anywhere, and is the
 * oracle of the other paths. */
#define NET_TABLE net_plain
#define NET_TABLE_NAME "plain"
#include "kernels.inc"

#include <stdio.h>
int main(void) {
    puts("nastune");
    return 0;
}

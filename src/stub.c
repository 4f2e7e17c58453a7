/* placeholder until the harness lands */
int stub_symbol(void);
int stub_symbol(void) {
    return 0;
}

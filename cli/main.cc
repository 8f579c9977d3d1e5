// main.cc - the program's front door: verbs, options, exit status.
int main() { return 0; }

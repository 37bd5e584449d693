/* glibc's header of this name makes symbols of libc; a test that is built outside needs nothing from it. */

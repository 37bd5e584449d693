/* The one name of glibc's support library whose file needs paths of a glibc build: only its containers use it. */

const char support_objdir_root[] = "";

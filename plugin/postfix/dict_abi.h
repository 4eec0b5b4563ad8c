#pragma once
// The few facts of Postfix's table interface that a table type needs: its own declaration, since no
// headers are shipped.
//
// The layout is that of Postfix 3.5 to 3.10 (152 octets). Postfix 3.11 appends two pointers and
// writes to them, so a table keeps `reserve` free behind the head: one shared object serves all
// versions. Versions outside the tested list get a table that never answers (version.h).

#include <sys/types.h>

#include <cstddef>

namespace mailpool::postfix {

struct Dict {
  char* type;
  char* name;
  int flags;
  char const* (*lookup)(Dict*, char const*);
  int (*update)(Dict*, char const*, char const*);
  int (*remove)(Dict*, char const*);
  int (*sequence)(Dict*, int, char const**, char const**);
  int (*lock)(Dict*, int);
  void (*close)(Dict*);
  int lock_type;
  int lock_fd;
  int stat_fd;
  time_t mtime;
  void* fold_buffer;
  int owner_status;  // 0: trusted
  uid_t owner_uid;
  int error;
  void* jump_buffer;
  void* utf8_backup;
  void* file_buffer;
  void* file_base64;
};
static_assert(sizeof(void*) == 8, "the layout is known for 64-bit machines only");
static_assert(offsetof(Dict, flags) == 16 && offsetof(Dict, lookup) == 24 &&
              offsetof(Dict, close) == 64);
static_assert(offsetof(Dict, stat_fd) == 80 && offsetof(Dict, mtime) == 88);
static_assert(offsetof(Dict, owner_status) == 104 && offsetof(Dict, error) == 112);
static_assert(sizeof(Dict) == 152);

inline constexpr int dict_error_none = 0;
inline constexpr int dict_flag_fixed = 1 << 4;  // keys are names, not patterns
inline constexpr int dict_owner_trusted = 0;

/// What Postfix allocates for a table of ours: its own part, room for what later versions append to
/// it, ours.
struct TableDict {
  Dict head;
  char reserve[256];
  class Table* table;
};
static_assert(offsetof(TableDict, table) >= sizeof(Dict) + 256);

/// One list of domains, as Postfix parses it: only `error` is read, after a match.
struct MatchList {
  char* parameter;
  int flags;
  void* patterns;
  int match_count;
  void* match_functions;
  char const** match_arguments;
  void* fold_buffer;
  int error;
};
static_assert(offsetof(MatchList, error) == 56);

using MatchFunction = int (*)(MatchList*, char const*, char const*);
inline constexpr int match_flag_return =
    1 << 1;  // report trouble with a table, do not end the process

}  // namespace mailpool::postfix

extern "C" {

// In every version since 3.5. An undefined symbol would be fatal to every Postfix program that
// opens the table.
mailpool::postfix::Dict* dict_alloc(char const* type, char const* name, ssize_t size);
void dict_free(mailpool::postfix::Dict*);
void msg_warn(char const* format, ...) __attribute__((format(printf, 1, 2)));
void msg_info(char const* format, ...) __attribute__((format(printf, 1, 2)));

// Weak: what is missing shows as null, and the table does without or answers nothing.
#define MAILPOOL_WEAK __attribute__((weak))
extern MAILPOOL_WEAK int msg_verbose;
extern MAILPOOL_WEAK char* var_mail_version;
extern MAILPOOL_WEAK char* var_queue_dir;
MAILPOOL_WEAK char const* midna_domain_to_ascii(char const* domain);
MAILPOOL_WEAK char const* mail_conf_lookup_eval(char const* parameter);
MAILPOOL_WEAK mailpool::postfix::MatchList* match_list_init(char const* parameter, int flags,
                                                            char const* patterns, int count, ...);
MAILPOOL_WEAK int match_list_match(mailpool::postfix::MatchList*, ...);
MAILPOOL_WEAK void match_list_free(mailpool::postfix::MatchList*);
MAILPOOL_WEAK int match_string(mailpool::postfix::MatchList*, char const*, char const*);
MAILPOOL_WEAK int match_hostname(mailpool::postfix::MatchList*, char const*, char const*);
MAILPOOL_WEAK int match_parent_style(char const* parameter);
#undef MAILPOOL_WEAK

}  // extern "C"

// The functions of libpostfix-util and libpostfix-global that the table calls.

#include "table_host/fake_postfix.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "postfix/dict_abi.h"

namespace fake_postfix {

namespace {

using mailpool::postfix::Dict;
using mailpool::postfix::MatchList;

// What Postfix 3.11 keeps behind the head.
struct Head311 {
  Dict head;
  char* registered_name;
  void (*saved_close)(Dict*);
};
static_assert(sizeof(Head311) == 168);

void close_311(Dict* dict) {
  Head311 late{};
  std::memcpy(&late, dict, sizeof late);
  late.saved_close(dict);
}

__attribute__((format(printf, 2, 0))) void note(char const* kind, char const* format,
                                                va_list arguments) {
  for (char const* percent = std::strchr(format, '%'); percent != nullptr;
       percent = std::strchr(percent + 2, '%'))
    if (percent[1] != 's') std::abort();  // the real one knows a few more, and panics at all others
  char text[1024];
  std::vsnprintf(text, sizeof text, format, arguments);
  state().log.push_back(std::string(kind) + text);
}

}  // namespace

State& state() {
  static State the_state;
  return the_state;
}

void register_table(void* table) {
  if (state().layout != Layout::Of311) return;
  auto* const dict = static_cast<Dict*>(table);
  Head311 late{};
  std::memcpy(&late, dict, sizeof late);
  late.registered_name = strdup("mailpool:mailpool/map(0,lock|fold_fix)");
  late.saved_close = late.head.close;
  late.head.close = close_311;
  std::memcpy(dict, &late, sizeof late);
}

}  // namespace fake_postfix

using fake_postfix::Layout;
using fake_postfix::state;

extern "C" {

int msg_verbose = 0;
char* var_mail_version = nullptr;
char* var_queue_dir = nullptr;

mailpool::postfix::Dict* dict_alloc(char const* type, char const* name, ssize_t size) {
  auto* const octets = static_cast<char*>(std::malloc(static_cast<std::size_t>(size)));
  std::memset(octets, 0x5a, static_cast<std::size_t>(size));  // mymalloc() does not clear
  std::size_t const head = state().layout == Layout::Of311 ? 168 : 152;
  std::memset(octets, 0, head);
  auto* const dict = reinterpret_cast<mailpool::postfix::Dict*>(octets);
  dict->type = strdup(type);
  dict->name = strdup(name);
  dict->stat_fd = -1;
  dict->lock_fd = -1;
  return dict;
}

void dict_free(mailpool::postfix::Dict* dict) {
  std::free(dict->type);
  std::free(dict->name);
  if (state().layout == Layout::Of311) {
    char* name = nullptr;
    std::memcpy(&name, reinterpret_cast<char*>(dict) + 152, sizeof name);
    std::free(name);
  }
  std::free(dict);
}

void msg_warn(char const* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fake_postfix::note("warning: ", format, arguments);
  va_end(arguments);
}

void msg_info(char const* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fake_postfix::note("info: ", format, arguments);
  va_end(arguments);
}

char const* midna_domain_to_ascii(char const* domain) {
  return std::strcmp(domain,
                     "b\xc3\xbc"
                     "cher.example") == 0
             ? "xn--bcher-kva.example"
             : nullptr;
}

char const* mail_conf_lookup_eval(char const* parameter) {
  return std::strcmp(parameter, "relay_domains") == 0 ? state().relay_domains.c_str() : nullptr;
}

int match_parent_style(char const*) {
  return 0;
}

int match_string(mailpool::postfix::MatchList*, char const* text, char const* pattern) {
  return strcasecmp(text, pattern) == 0 ? 1 : 0;
}

int match_hostname(mailpool::postfix::MatchList* list, char const* text, char const* pattern) {
  return match_string(list, text, pattern);
}

mailpool::postfix::MatchList* match_list_init(char const* parameter, int flags,
                                              char const* patterns, int, ...) {
  auto* const list = static_cast<mailpool::postfix::MatchList*>(
      std::calloc(1, sizeof(mailpool::postfix::MatchList)));
  list->parameter = strdup(parameter);
  list->patterns = strdup(patterns);
  list->flags = flags;
  return list;
}

// One literal name is all that is needed here; what lists can be is tested in a real Postfix.
int match_list_match(mailpool::postfix::MatchList* list, ...) {
  va_list arguments;
  va_start(arguments, list);
  char const* const text = va_arg(arguments, char const*);
  va_end(arguments);
  auto const* const pattern = static_cast<char const*>(list->patterns);
  list->error = std::strcmp(pattern, "table:broken") == 0 ? -1 : 0;
  return match_hostname(list, text, pattern);
}

void match_list_free(mailpool::postfix::MatchList* list) {
  std::free(list->parameter);
  std::free(list->patterns);
  std::free(list);
}

// The table's clock. Everybody else's is the machine's.
int clock_gettime(clockid_t clock, timespec* time) {
  if (clock != CLOCK_MONOTONIC) return static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  time->tv_sec = state().clock_ns / 1'000'000'000;
  time->tv_nsec = state().clock_ns % 1'000'000'000;
  return 0;
}

}  // extern "C"

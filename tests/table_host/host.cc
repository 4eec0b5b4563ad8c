// A small Postfix around the table: every way in which the file can fail, then a million lookups.
//
// Built twice: `table_host SO` loads the shared object as it is shipped and counts allocations;
// `table_host_sanitized` has the same sources with the preset's sanitizers linked in, which find
// leaks and reads out of bounds.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/map/writer.h"
#include "postfix/dict_abi.h"
#include "table_host/fake_postfix.h"

namespace fs = std::filesystem;
using fake_postfix::Layout;
using mailpool::postfix::Dict;
using namespace mailpool::map;

#ifdef MAILPOOL_TABLE_LINKED
extern "C" Dict* dict_mailpool_open(char const*, int, int) noexcept;
#else
namespace {
std::size_t allocations = 0;
}
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* malloc(std::size_t size) {
  return ++allocations, __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  return ++allocations, __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  return ++allocations, __libc_realloc(old, size);
}
}
#endif

namespace {

using Open = Dict* (*)(char const*, int, int);

constexpr std::int64_t second = 1'000'000'000;
int failures = 0;

void expect(bool is_so, std::string const& sentence) {
  if (!is_so) std::printf("FAILED: %s\n", sentence.c_str());
  if (!is_so) ++failures;
}

std::int64_t& clock_ns() {
  return fake_postfix::state().clock_ns;
}

Content content() {
  Content it;
  it.named_sites = {"google", "bank"};
  it.domains = {{"gmail.com", Origin::Named, Fallback::Smtp, "google"},
                {"bank.example", Origin::Named, Fallback::Defer, "bank"},
                {"intranet.example", Origin::Excluded, Fallback::Smtp, ""}};
  return it;
}

/// A queue directory with a map in it; the test stands in it, as trivial-rewrite does.
class Queue {
 public:
  Queue() {
    char name[] = "/tmp/mailpool-host-XXXXXX";
    if (mkdtemp(name) == nullptr) std::abort();
    root_ = name;
    fs::create_directories(root_ + "/mailpool/d");
    if (chdir(root_.c_str()) != 0) std::abort();
    free(var_queue_dir);
    var_queue_dir = strdup(name);
    publish();
  }
  Queue(Queue const&) = delete;
  ~Queue() { fs::remove_all(root_); }

  void publish(Content const& what = content()) {
    auto const body = write_body(what);
    header_ = header_for(body, ++generation_, State::Open, clock_ns());
    put(octets_of(header_) + body);
  }
  void put(std::string const& octets) {
    std::ofstream("mailpool/map.new", std::ios::binary) << octets;
    fs::permissions("mailpool/map.new", fs::perms(0640));
    fs::rename("mailpool/map.new", "mailpool/map");
  }
  void beat(State state = State::Open, std::int64_t ahead_ns = 0) {
    renew(header_, state, clock_ns() + ahead_ns);
    auto const octets = octets_of(header_);
    int const file = open("mailpool/map", O_WRONLY | O_CLOEXEC);
    if (pwrite(file, octets.data(), octets.size(), 0) != 64) std::abort();
    close(file);
  }
  void second_passes() {
    clock_ns() += second;
    beat();
  }

 private:
  std::string root_;
  std::uint64_t generation_ = 0;
  Header header_{};
};

/// One opened table, asked as Postfix asks.
class Asker {
 public:
  explicit Asker(Open open, char const* path = "mailpool/map") : dict_(open(path, 0, 0x1c)) {
    fake_postfix::register_table(dict_);
  }
  Asker(Asker const&) = delete;
  ~Asker() { dict_->close(dict_); }

  Dict* operator->() { return dict_; }

  std::string key(std::string const& key) {
    char const* const answer = dict_->lookup(dict_, key.c_str());
    expect(dict_->error == 0, "no lookup ever says: try again");
    expect(answer == nullptr || *answer != '\0', "no answer is empty");
    return answer == nullptr ? "" : answer;
  }
  // The keys of transport_maps for one address; the first answer wins.
  std::string address(std::string const& local_part, std::string domain) {
    for (auto const& full : {local_part + "+x@" + domain, local_part + "@" + domain, domain})
      if (auto answer = key(full); !answer.empty()) return answer;
    for (auto dot = domain.find('.'); dot != std::string::npos; dot = domain.find('.')) {
      domain.erase(0, dot);
      if (auto answer = key(domain); !answer.empty()) return answer;
      domain.erase(0, 1);
    }
    return "";
  }
  std::string door(std::string const& domain) {
    auto const answer = address("someone", domain);
    std::string const start = "mailpool:unix:mailpool/d/";
    if (answer.empty()) return "";
    expect(answer.starts_with(start), "an answer is a door: " + answer);
    return answer.substr(std::min(answer.size(), start.size()));
  }

 private:
  Dict* dict_;
};

std::string hashed(std::string const& name) {
  return std::string(bucket_door(bucket_of(name)).view());
}

void answers_only_the_last_key(Open open) {
  Queue const queue;
  Asker table(open);
  expect((table->flags & mailpool::postfix::dict_flag_fixed) != 0, "the table is a FIXED one");
  expect(table->flags == (0x1c | mailpool::postfix::dict_flag_fixed),
         "the caller's flags are kept");
  expect(table.key("*").empty(), "* is not answered");
  for (auto early : {"u+x@mail.gmail.com", "u@mail.gmail.com", "mail.gmail.com", ".gmail.com"})
    expect(table.key(early).empty(), std::string("an early key is not answered: ") + early);
  expect(!table.key(".com").empty(), "the last key is answered");
  expect(table.key(".com").empty(), "once");
  expect(table.key("u@localhost").empty() && !table.key("localhost").empty(),
         "a domain of one label is its own last key");
  (void)table.key("u@other.example");
  expect(table.key("com").empty(), "a key of another sequence is not answered");
  (void)table.key("u@sub.gmail.com");
  (void)table.key("gmail.com");
  expect(!table.key("com").empty(), "parent domains without dots end in the bare label");
  expect(table.door("GMAIL.com") == "google", "case does not matter");
  expect(table.door("nobody.example") == hashed("nobody.example"), "the unknown is hashed");
  expect(table.door("b\xc3\xbc"
                    "cher.example") == hashed("xn--bcher-kva.example"),
         "U-labels are looked up as A-labels");
  expect(table.door("\xff.example").empty() && table.door("[192.0.2.1]").empty(),
         "what is no domain is not found");
  expect(table.key(std::string(100'000, 'a') + "@" + std::string(100'000, 'b')).empty(),
         "huge keys are not found");
  expect(table.door("intranet.example").empty(), "excluded domains are not found");
}

void keeps_relay_domains_out(Open open) {
  Queue const queue;
  fake_postfix::state().relay_domains = "relay.example";
  {
    Asker table(open);
    expect(table.door("relay.example").empty(), "a relay domain never enters the pool");
    expect(table.door("gmail.com") == "google", "others do");
  }
  fake_postfix::state().relay_domains = "table:broken";
  Asker table(open);
  expect(table.door("gmail.com").empty(),
         "nothing enters the pool while a list cannot be searched");
  fake_postfix::state().relay_domains.clear();
}

void follows_the_heartbeat(Open open) {
  Queue queue;
  Asker table(open);
  expect(table.door("gmail.com") == "google", "open at first");
  clock_ns() += 3 * second;
  expect(table.door("gmail.com") == "google", "three seconds without a heartbeat are nothing");
  clock_ns() += 1;
  expect(table.door("gmail.com").empty(), "after three seconds the manager is away");
  expect(table.door("bank.example") == "bank", "what must not bypass the pool waits at its door");
  queue.beat();
  expect(table.door("gmail.com") == "google", "it is back with the next heartbeat");
  queue.beat(State::Open, second);
  expect(table.door("gmail.com").empty(), "a heartbeat from the future is none");
  queue.beat(State::Draining);
  expect(table.door("gmail.com").empty(), "a draining manager takes nothing new");
  queue.beat();
  expect(table.door("gmail.com") == "google", "and is back at once");
}

void reads_a_new_map_within_a_second(Open open) {
  Queue queue;
  Asker table(open);
  auto other = content();
  other.domains[0].site = "bank";
  queue.publish(other);
  expect(table.door("gmail.com") == "google", "the old map serves until the next look");
  queue.second_passes();
  expect(table.door("gmail.com") == "bank", "a replaced map is read within a second");
}

// Each breaks the file in one way. Expected: "not found" for all but those that must not bypass the
// pool; then it heals.
void survives(Open open, char const* name, void (*break_it)(Queue&)) {
  Queue queue;
  Asker table(open);
  expect(table.door("gmail.com") == "google", std::string(name) + ": well before");
  break_it(queue);
  clock_ns() += 4 * second;
  for (int times = 0; times < 3; ++times)
    expect(table.door("gmail.com").empty(), std::string(name) + ": not found");
  expect(table.door("bank.example") == "bank",
         std::string(name) + ": the last good map keeps its promises");
  {
    Asker fresh(open);
    expect(fresh.door("gmail.com").empty(),
           std::string(name) + ": not found by a table opened now");
  }
  fs::remove_all("mailpool");
  fs::create_directories("mailpool/d");
  queue.publish();
  queue.second_passes();
  expect(table.door("gmail.com") == "google", std::string(name) + ": found again afterwards");
}

std::string whole_map() {
  std::ifstream file("mailpool/map", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void survives_every_failure_of_the_file(Open open) {
  survives(open, "missing", [](Queue&) { fs::remove("mailpool/map"); });
  survives(open, "folder missing", [](Queue&) { fs::remove_all("mailpool"); });
  survives(open, "a FIFO", [](Queue&) {
    fs::remove("mailpool/map");
    if (mkfifo("mailpool/map", 0640) != 0) std::abort();
  });
  survives(open, "a symbolic link", [](Queue&) {
    fs::rename("mailpool/map", "mailpool/real");
    fs::create_symlink("real", "mailpool/map");
  });
  survives(open, "a link to itself", [](Queue&) {
    fs::remove("mailpool/map");
    fs::create_symlink("map", "mailpool/map");
  });
  survives(open, "a directory", [](Queue&) {
    fs::remove("mailpool/map");
    fs::create_directory("mailpool/map");
  });
  survives(open, "a device", [](Queue&) {
    fs::remove("mailpool/map");
    fs::create_symlink("/dev/zero", "mailpool/map");
  });
  survives(open, "empty", [](Queue& queue) { queue.put(""); });
  survives(open, "truncated in place", [](Queue&) { fs::resize_file("mailpool/map", 70); });
  survives(open, "truncated to nothing in place",
           [](Queue&) { fs::resize_file("mailpool/map", 0); });
  survives(open, "truncated", [](Queue& queue) { queue.put(whole_map().substr(0, 100)); });
  survives(open, "huge", [](Queue&) { fs::resize_file("mailpool/map", 8ULL << 30U); });
  survives(open, "huge from the start", [](Queue& queue) {
    queue.put(whole_map());
    fs::resize_file("mailpool/map", 8ULL << 30U);
  });
  survives(open, "checksum wrong", [](Queue& queue) {
    auto octets = whole_map();
    octets.back() = static_cast<char>(octets.back() ^ 1);
    queue.put(octets);
  });
  survives(open, "of an old version", [](Queue& queue) {
    auto octets = whole_map();
    octets[8] = 0;
    queue.put(octets);
  });
  survives(open, "garbage in place", [](Queue&) {
    std::ofstream("mailpool/map", std::ios::binary | std::ios::in) << std::string(100, 'x');
  });
  survives(open, "writable by others", [](Queue& queue) {
    queue.put(whole_map());
    fs::permissions("mailpool/map", fs::perms(0666));
  });
  survives(open, "the folder writable by others", [](Queue& queue) {
    queue.put(whole_map());
    fs::permissions("mailpool", fs::perms(0777));
  });
  if (getuid() == 0)
    survives(open, "of another owner", [](Queue& queue) {
      queue.put(whole_map());
      if (chown("mailpool/map", 1, 1) != 0) std::abort();
    });
}

void every_changed_octet_is_noticed(Open open) {
  Queue queue;
  auto const good = whole_map();
  for (std::size_t at = 0; at < good.size(); ++at) {
    auto octets = good;
    octets[at] = static_cast<char>(octets[at] ^ 0x55);
    queue.put(octets);
    Asker table(open);
    expect(table.door("gmail.com").empty() && table.door("bank.example").empty(),
           "octet " + std::to_string(at) + " changed: not found");
  }
}

void says_it_once(Open open) {
  Queue queue;
  Asker table(open);
  auto& log = fake_postfix::state().log;
  log.clear();
  clock_ns() += 4 * second;
  for (int times = 0; times < 50; ++times) (void)table.door("gmail.com");
  expect(log.size() == 1 && log[0].find("heartbeat is stale") != std::string::npos,
         "one line when the manager goes away");
  for (int times = 0; times < 50; ++times) {
    queue.beat();
    (void)table.door("gmail.com");
    clock_ns() += 4 * second;
    (void)table.door("gmail.com");
  }
  expect(log.size() <= 2 + 2 * 4,
         "a manager that comes and goes brings a line a minute: " + std::to_string(log.size()));
}

void explains_itself_when_postfix_is_verbose(Open open) {
  Queue const queue;
  Asker table(open);
  fake_postfix::state().log.clear();
  msg_verbose = 1;
  (void)table.door("gmail.com");
  (void)table.door("intranet.example");
  msg_verbose = 0;
  auto const& log = fake_postfix::state().log;
  expect(
      log.size() == 2 && log[0].find("gmail.com: reason=\"its site is named") != std::string::npos,
      "a reason for an answer");
  expect(log.size() == 2 && log[1].find("reason=\"exclude_domains names it\"") != std::string::npos,
         "a reason for none");
}

void is_silent_in_an_untried_postfix(Open open) {
  Queue const queue;
  char* const tried = var_mail_version;
  for (auto version : {"3.4.29", "3.12-20260101", "4.0.0", "2.11.1", "3.x", "", "3.7x"}) {
    char untried[32];
    std::snprintf(untried, sizeof untried, "%s", version);
    var_mail_version = untried;
    fake_postfix::state().log.clear();
    Asker table(open);
    expect(table.door("gmail.com").empty(), std::string("never answers under Postfix ") + version);
    expect(fake_postfix::state().log.size() == 1,
           std::string("one warning under Postfix ") + version);
  }
  var_mail_version = tried;
}

void finds_its_path_from_anywhere(Open open) {
  Queue const queue;
  {
    Asker table(open, (std::string(var_queue_dir) + "/mailpool/map").c_str());
    expect(table.door("gmail.com") == "google", "an absolute path below the queue directory");
  }
  if (chdir("/") != 0) std::abort();
  {
    Asker table(open);
    expect(table.door("gmail.com") == "google", "outside the queue directory, as postmap");
  }
  {
    Asker table(open, "");
    expect(table.door("gmail.com").empty(), "an empty path");
  }
  Asker table(open, std::string(5000, 'x').c_str());
  expect(table.door("gmail.com").empty(), "an overlong path");
}

std::int64_t real_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return now.tv_sec * second + now.tv_nsec;
}

// A map of the size that a busy server has; every lookup is timed, the one that reads a new map
// too.
void a_million_lookups(Open open, std::size_t count) {
  Queue queue;
  auto busy = content();
  for (int i = 0; i < 65'536; ++i)
    busy.domains.push_back({"domain" + std::to_string(i) + ".example", Origin::Learned,
                            Fallback::Smtp, "mx" + std::to_string(i % 300)});
  queue.publish(busy);
  Asker table(open);
  std::vector<std::string> addresses;
  for (int i = 0; i < 5'000; ++i)
    addresses.push_back("u@domain" + std::to_string(i * 13) + ".example");
  std::vector<std::int64_t> times(count);
  std::size_t found = 0;
#ifndef MAILPOOL_TABLE_LINKED
  auto const before = allocations;
#endif
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 10'000 == 0) clock_ns() += second;
    if (i % 10'000 == 0) queue.beat();
    auto const& address = addresses[i % addresses.size()];
    auto const start = real_ns();
    bool const is_early = table->lookup(table.operator->(), address.c_str()) != nullptr;
    bool const is_found = table->lookup(table.operator->(), ".example") != nullptr;
    times[i] = real_ns() - start;
    found += is_found && !is_early ? 1 : 0;
  }
#ifndef MAILPOOL_TABLE_LINKED
  // beat() makes the string of a header: within its small-string bounds or one allocation a time.
  auto const ours = 2 * (count / 10'000 + 1);
  expect(allocations - before <= ours,
         "no lookup allocates: " + std::to_string(allocations - before));
#endif
  expect(found == count, "all are found: " + std::to_string(found));
  std::sort(times.begin(), times.end());
  auto const p50 = times[count / 2];
  auto const p99 = times[count * 99 / 100];
  std::printf("%zu lookups: p50 %.2f us, p99 %.2f us, p99.99 %.2f us, longest %.2f us\n", count,
              double(p50) / 1e3, double(p99) / 1e3, double(times[count * 9999 / 10000]) / 1e3,
              double(times.back()) / 1e3);
#ifndef MAILPOOL_TABLE_LINKED
  expect(p99 < 20'000, "p99 under 20 microseconds");
#endif
}

}  // namespace

int main([[maybe_unused]] int count, [[maybe_unused]] char** arguments) {
#ifdef MAILPOOL_TABLE_LINKED
  Open const open = dict_mailpool_open;
  std::size_t const lookups = 1'000'000;
#else
  void* const library = dlopen(count > 1 ? arguments[1] : "", RTLD_NOW);
  if (library == nullptr) return std::printf("%s\n", dlerror()), 1;
  auto const open = reinterpret_cast<Open>(dlsym(library, "dict_mailpool_open"));
  std::size_t const lookups = 1'000'000;
#endif
  for (auto layout : {Layout::Of37, Layout::Of311}) {
    fake_postfix::state().layout = layout;
    var_mail_version = strdup(layout == Layout::Of37 ? "3.7.11" : "3.11.6");
    std::printf("in the layout of Postfix %s\n", var_mail_version);
    answers_only_the_last_key(open);
    keeps_relay_domains_out(open);
    follows_the_heartbeat(open);
    reads_a_new_map_within_a_second(open);
    survives_every_failure_of_the_file(open);
    every_changed_octet_is_noticed(open);
    says_it_once(open);
    explains_itself_when_postfix_is_verbose(open);
    is_silent_in_an_untried_postfix(open);
    finds_its_path_from_anywhere(open);
    a_million_lookups(open, layout == Layout::Of37 ? lookups : 10'000);
    free(var_mail_version);
  }
  free(var_queue_dir);
  std::printf("%s\n", failures == 0 ? "all well" : "there were failures");
  return failures == 0 ? 0 : 1;
}

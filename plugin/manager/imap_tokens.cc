#include "manager/imap_tokens.h"

#include <fmt/format.h>

#include <utility>

#include "manager/secret_file.h"

namespace mailpool::manager {
namespace {

// A token that the server refuses is not asked for more often.
constexpr Duration between_refusals = std::chrono::seconds(10);

bool has_token(ImapAccount const& account) {
  return !account.token_file.empty() || !account.token_command.empty();
}

Result<Secret> read_token(ImapAccount const& account, std::atomic<bool> const& is_unwanted) {
  if (!account.token_file.empty()) return read_secret_file(account.token_file);
  return read_secret_from(account.token_command, account.command_timeout, is_unwanted);
}

}  // namespace

struct ImapTokens::Reader {
  Reader(ImapTokens& of, std::string name, ImapAccount what)
      : owner(of), profile(std::move(name)), account(std::move(what)), thread(of.loop_) {}

  ImapTokens& owner;
  std::string profile;
  ImapAccount account;
  EventPtr timer;
  TimePoint refused_at{};
  bool is_reading = false;
  Background thread;  // the last: its end waits for what runs
};

ImapTokens::ImapTokens(Loop& loop, Log& log, Take take)
    : loop_(loop), log_(log), take_(std::move(take)) {}

ImapTokens::~ImapTokens() {
  is_stopping_ = true;
  readers_.clear();
}

void ImapTokens::reconfigure(std::map<std::string, ImapSettings> const& profiles) {
  std::erase_if(readers_, [&](auto const& entry) {
    auto const found = profiles.find(entry.first);
    return found == profiles.end() || !(found->second.account == entry.second->account);
  });
  for (auto const& [name, settings] : profiles) {
    if (!has_token(settings.account)) continue;
    auto& reader = readers_[name];
    if (!reader) {
      reader = std::make_unique<Reader>(*this, name, settings.account);
      reader->timer = loop_.make_event(-1, 0, &ImapTokens::on_timer, reader.get());
    }
    read(*reader);
  }
}

void ImapTokens::on_timer(evutil_socket_t, short, void* reader) {
  auto& due = *static_cast<Reader*>(reader);
  due.owner.read(due);
}

void ImapTokens::read(Reader& reader) {
  Loop::arm(reader.timer.get(), reader.account.refresh);
  if (std::exchange(reader.is_reading, true)) return;
  auto const token = std::make_shared<Result<Secret>>(failed("not read"));
  reader.thread.run(
      [this, token, account = reader.account] { *token = read_token(account, is_stopping_); },
      [this, token, profile = reader.profile] { finish(profile, std::move(*token)); });
}

void ImapTokens::refuse(std::string const& profile, TimePoint now) {
  auto const found = readers_.find(profile);
  if (found == readers_.end()) return;
  auto& reader = *found->second;
  if (reader.refused_at != TimePoint{} && now < after(reader.refused_at, between_refusals)) return;
  reader.refused_at = now;
  read(reader);
}

// One that cannot be read leaves the one before in use: it may be good for a while.
void ImapTokens::finish(std::string const& profile, Result<Secret> token) {
  auto const found = readers_.find(profile);
  if (found == readers_.end()) return;
  found->second->is_reading = false;
  if (token) return take_(profile, std::move(*token));
  log_.warning(
      fmt::format("[imap.{}.account] {} {}", profile,
                  found->second->account.token_file.empty() ? "token_command" : "token_file",
                  token.error().reason));
}

}  // namespace mailpool::manager

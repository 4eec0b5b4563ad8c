#include "manager/login_reader.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <system_error>

#include <utility>

#include "core/base/base64.h"
#include "manager/secret_file.h"

namespace mailpool::manager {
namespace {

Result<Secret> named(char const* option, Result<Secret> secret) {
  if (!secret) return failed(fmt::format("{} {}", option, secret.error().reason));
  return secret;
}

Result<Secret> read_secret(LoginSettings const& settings, std::atomic<bool> const& is_unwanted) {
  if (!settings.password_file.empty())
    return named("password_file", read_secret_file(settings.password_file));
  if (!settings.token_file.empty())
    return named("token_file", read_secret_file(settings.token_file));
  return named("token_command",
               read_secret_from(settings.token_command, settings.command_timeout, is_unwanted));
}

// 144 bits that nobody can foresee: a server must not be able to replay an old login's end.
std::string nonce() {
  std::array<char, 18> octets{};
  if (::getrandom(octets.data(), octets.size(), 0) != static_cast<ssize_t>(octets.size()))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  return to_base64({octets.data(), octets.size()});
}

}  // namespace

LoginReader::LoginReader(Loop& loop, delivery::Logins& logins, Log& log,
                         std::function<void()> changed)
    : loop_(loop), logins_(logins), log_(log), changed_(std::move(changed)) {
  logins_.set_nonce(nonce);
}

LoginReader::~LoginReader() {
  is_stopping_ = true;
  threads_.clear();
}

void LoginReader::read_wanted() {
  if (!logins_.has_wanted()) return;
  for (auto& wanted : logins_.take_wanted()) {
    auto& thread = threads_[wanted.name];
    if (!thread) thread = std::make_unique<Background>(loop_);
    auto const secret = std::make_shared<Result<Secret>>(failed("not read"));
    thread->run(
        [this, secret, settings = std::move(wanted.settings)] {
          *secret = read_secret(settings, is_stopping_);
        },
        [this, secret, name = wanted.name] { take(name, std::move(*secret)); });
  }
}

void LoginReader::take(std::string const& name, Result<Secret> secret) {
  if (!secret) log_.warning(fmt::format("login {}: {}", name, secret.error().reason));
  (void)logins_.take(name, std::move(secret), loop_.now());
  changed_();
}

}  // namespace mailpool::manager

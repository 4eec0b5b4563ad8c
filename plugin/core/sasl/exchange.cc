// The mechanisms of one or two steps: PLAIN, LOGIN, CRAM-MD5, OAUTHBEARER, XOAUTH2.
#include "core/sasl/exchange.h"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

#include "core/base/hmac.h"
#include "core/base/text.h"
#include "core/sasl/md5.h"
#include "core/sasl/scram.h"

namespace mailpool::sasl {
namespace {

using namespace std::string_view_literals;

Secret joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  std::size_t size = 0;
  for (auto part : parts) size += part.size();
  text.reserve(size);  // a string that grows leaves copies behind
  for (auto part : parts) text += part;
  return Secret::from(std::move(text));
}

class Plain final : public Exchange {
 public:
  explicit Plain(Account account) : account_(std::move(account)) {}
  std::optional<Secret> initial() override {
    return joined({"\0"sv, account_.user, "\0"sv, account_.secret.reveal()});
  }
  Result<Secret> answer(std::string_view) override {
    return failed("the server goes on asking after PLAIN has said all");
  }

 private:
  Account account_;
};

// The prompts differ from server to server; their order does not.
class Login final : public Exchange {
 public:
  explicit Login(Account account) : account_(std::move(account)) {}
  std::optional<Secret> initial() override { return std::nullopt; }
  Result<Secret> answer(std::string_view) override {
    switch (step_++) {
      case 0:
        return Secret(account_.user);
      case 1:
        return std::move(account_.secret);
      default:
        return failed("the server goes on asking after LOGIN has said all");
    }
  }

 private:
  Account account_;
  int step_ = 0;
};

class CramMd5 final : public Exchange {
 public:
  explicit CramMd5(Account account) : account_(std::move(account)) {}
  std::optional<Secret> initial() override { return std::nullopt; }
  Result<Secret> answer(std::string_view challenge) override {
    if (account_.secret.is_empty()) return failed("the server asks twice in CRAM-MD5");
    if (challenge.empty()) return failed("the server's CRAM-MD5 challenge is empty");
    auto const digest = Hmac<Md5>(account_.secret.reveal()).of(challenge);
    account_.secret.clear();
    return joined({account_.user, " ", hexadecimal(digest)});
  }

 private:
  static std::string hexadecimal(Md5::Digest const& digest) {
    std::string text;
    for (auto const octet : digest) text += fmt::format("{:02x}", octet);
    return text;
  }
  Account account_;
};

// A refused token is explained in a challenge, which is to be answered before the refusal comes
// (RFC 7628 3.2.3).
class Bearer final : public Exchange {
 public:
  Bearer(Account account, bool is_standard)
      : account_(std::move(account)), is_standard_(is_standard) {}
  std::optional<Secret> initial() override {
    if (!is_standard_)
      return joined({"user=", account_.user,
                     "\x01"
                     "auth=Bearer ",
                     account_.secret.reveal(), "\x01\x01"});
    return joined({"n,a=", scram_name(account_.user), ",\x01host=", account_.host,
                   "\x01port=", fmt::format_int(account_.port).c_str(),
                   "\x01"
                   "auth=Bearer ",
                   account_.secret.reveal(), "\x01\x01"});
  }
  Result<Secret> answer(std::string_view) override {
    if (is_refused_) return failed("the server refuses the token more than once");
    is_refused_ = true;
    return is_standard_ ? Secret("\x01") : Secret();
  }
  Result<void> accept() override {
    if (is_refused_) return failed("the server refuses the token and takes it at once");
    return {};
  }

 private:
  Account account_;
  bool is_standard_;
  bool is_refused_ = false;
};

}  // namespace

std::unique_ptr<Exchange> begin(Mechanism mechanism, Account account) {
  switch (mechanism) {
    case Mechanism::ScramSha256:
      return std::make_unique<Scram>(std::move(account));
    case Mechanism::OAuthBearer:
      return std::make_unique<Bearer>(std::move(account), true);
    case Mechanism::XOAuth2:
      return std::make_unique<Bearer>(std::move(account), false);
    case Mechanism::CramMd5:
      return std::make_unique<CramMd5>(std::move(account));
    case Mechanism::Plain:
      return std::make_unique<Plain>(std::move(account));
    case Mechanism::Login:
      return std::make_unique<Login>(std::move(account));
  }
  return nullptr;
}

}  // namespace mailpool::sasl

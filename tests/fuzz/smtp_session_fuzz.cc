// Messages over one SMTP connection to a server that says anything at any time. A second, simple
// account of what was sent and answered watches the session: nothing is called delivered without a
// 2xx to its end of data, nothing is tried twice that may have been taken, and the stream to the
// server holds commands, bodies and one end for each, and nothing else.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "core/smtp/session.h"
#include "core/wire/reply.h"

using namespace mailpool;
using namespace mailpool::smtp;
using namespace std::chrono_literals;

namespace {

void require(bool holds, int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "line %d does not hold\n", line);
  std::abort();
}

// The input, read from the front; zeros behind its end.
class Input {
 public:
  Input(std::uint8_t const* data, std::size_t size)
      : rest_(reinterpret_cast<char const*>(data), size) {}
  std::uint8_t octet() {
    if (rest_.empty()) return 0;
    auto const c = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return c;
  }
  std::string_view octets(std::size_t n) {
    auto const taken = rest_.substr(0, n);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  [[nodiscard]] bool is_over() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

class Storage final : public BodyStorage {
 public:
  Storage(std::string octets, bool in_memory, bool is_broken)
      : octets_(std::move(octets)), in_memory_(in_memory), is_broken_(is_broken) {}
  Append append(std::string_view) override { return Append::Ok; }
  [[nodiscard]] std::uint64_t size() const override { return octets_.size(); }
  [[nodiscard]] std::string_view memory() const override {
    return in_memory_ ? std::string_view(octets_) : std::string_view{};
  }
  [[nodiscard]] std::ptrdiff_t read(std::uint64_t offset, std::span<char> to) const override {
    if (is_broken_) return -1;
    auto const n =
        std::min(std::min<std::size_t>(to.size(), octets_.size() - offset), std::size_t{7});
    std::memcpy(to.data(), octets_.data() + offset, n);
    return static_cast<std::ptrdiff_t>(n);
  }
  [[nodiscard]] std::string const& all() const { return octets_; }

 private:
  std::string octets_;
  bool in_memory_;
  bool is_broken_;
};

// Begins with a line that no command looks like, so that the watcher knows a body when it sees one;
// or is empty.
std::string body_from(Input& in) {
  auto const kind = in.octet();
  if (kind % 8 == 0) return {};
  std::string body = kind % 2 != 0 ? "Subject: x\r\n" : ".Subject: x\r\n";
  for (char c : in.octets(kind)) {
    if (c == '\n')
      body += "\r\n";
    else if (c == '\r')
      body += "\r\n.\r\n";
    else if (c != '\0')
      body += c;
  }
  return body.ends_with("\r\n") ? body : body + "\r\n";
}

// What one message has come to, by the watcher's own account.
struct Account {
  std::string body;
  std::map<std::string, unsigned> rcpt;  // code, 0: sent and not answered
  unsigned mail = 0;
  unsigned data = 0;
  unsigned end = 0;           // the reply to the end of data
  unsigned premature = 0;     // a reply inside the body
  unsigned ends_sent = 0;     // ends of data that left completely
  unsigned ends_refused = 0;  // of these, BDAT refused as unknown
  bool is_end_out = false;    // an end left, and was not refused as unknown
  bool is_offered = false;    // octets were handed to TLS, which cannot tell what left
};

// Reads what the session sends as a server would, and matches the replies by counting.
class Watcher {
 public:
  Account* account = nullptr;

  void sent(std::string_view octets) {
    for (char c : octets) take(c);
  }
  void began_tls() {
    replies_ = {};
    owed_.clear();
  }
  /// The reply that is waited for, as the name of its command; empty if none.
  [[nodiscard]] std::string front() const { return owed_.empty() ? std::string() : owed_.front(); }

  void said(std::string_view octets) {
    while (!octets.empty()) {
      auto const progress = replies_.feed(octets);
      if (progress != wire::ReplyParser::Progress::Complete) return;
      if (!owed_.empty())
        match(replies_.reply().code);
      else if (account != nullptr && account->data == 354 && !account->is_end_out &&
               account->premature == 0)
        account->premature = replies_.reply().code;
    }
  }

  Watcher() { owed_.emplace_back("greeting"); }

 private:
  void take(char c) {
    if (chunk_left_ > 0) {
      text_ += c;
      if (--chunk_left_ == 0) end_of_chunk();
      return;
    }
    require(c != '\0');
    line_ += c;
    if (c == '\n') {
      require(line_.ends_with("\r\n"));
      line_.resize(line_.size() - 2);
      require(line_.find('\r') == std::string::npos);
      auto const line = std::exchange(line_, {});
      is_in_body_ ? body_line(line) : command(line);
    }
  }

  void body_line(std::string_view line) {
    if (line == ".") {
      require(account != nullptr && text_ == account->body);
      end_left();
      is_in_body_ = false;
      owed_.emplace_back("end");
      return;
    }
    text_.append(line.substr(line.starts_with('.') ? 1 : 0)).append("\r\n");
  }

  void command(std::string const& line) {
    for (char c : line) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    require(line.size() <= 2046);
    if (after_data_ &&
        (line == "." || line.starts_with("Subject:") || line.starts_with("..Subject:"))) {
      after_data_ = false;
      if (account == nullptr) {  // the lone dot after a transaction without recipients
        require(line == ".");
        owed_.emplace_back("lone dot");
        return;
      }
      is_in_body_ = true;
      text_.clear();
      return body_line(line);
    }
    after_data_ = line == "DATA";
    if (line.starts_with("RCPT TO:<")) {
      require(account != nullptr && line.ends_with('>'));
      account->rcpt[line.substr(9, line.size() - 10)] = 0;
      owed_.push_back(line);
    } else if (line.starts_with("BDAT ")) {
      auto const n = to_number(split(line, ' ').at(1));
      require(n && line.ends_with(" LAST") && account != nullptr && *n == account->body.size());
      owed_.emplace_back("BDAT");
      text_.clear();
      chunk_left_ = *n;
      is_in_chunk_ = true;
      if (*n == 0) end_of_chunk();
    } else if (line.starts_with("MAIL FROM:<")) {
      require(account != nullptr);
      account->mail = account->data = account->end = 0;
      owed_.emplace_back("MAIL");
    } else {
      require(line.starts_with("EHLO ") || line.starts_with("HELO ") || line == "STARTTLS" ||
              line == "DATA" || line == "RSET" || line == "QUIT");
      owed_.push_back(line);
    }
  }

  void end_of_chunk() {
    require(account != nullptr && text_ == account->body);
    is_in_chunk_ = false;
    end_left();
  }

  void end_left() {
    ++account->ends_sent;
    require(account->ends_sent <=
            account->ends_refused + 1);  // a second end only after the first was refused as unknown
    account->is_end_out = true;
  }

  void match(unsigned code) {
    auto const command = owed_.front();
    owed_.pop_front();
    if (account == nullptr) return;
    if (command == "MAIL") account->mail = code;
    if (command == "DATA") account->data = code;
    if (command == "end") account->end = code;
    if (command == "BDAT" && is_in_chunk_) account->premature = code;
    if (command == "BDAT" && !is_in_chunk_) {
      if (code == 500 || code == 502 || code == 503) {
        ++account->ends_refused;
        account->is_end_out = false;
      } else {
        account->end = code;
      }
    }
    if (command.starts_with("RCPT TO:<"))
      account->rcpt[command.substr(9, command.size() - 10)] = code;
  }

  wire::ReplyParser replies_;
  std::deque<std::string> owed_;
  std::string line_;
  std::string text_;
  std::uint64_t chunk_left_ = 0;
  bool is_in_body_ = false;
  bool is_in_chunk_ = false;
  bool after_data_ = false;
};

class Driver {
 public:
  Driver(Input& in) : in_(in), session_(settings(in), now_) {}

  void run() {
    for (int steps = 0; steps < 400 && !in_.is_over(); ++steps) {
      step();
      settle();
    }
    session_.quit("over", now_);
    settle();
    now_ += 1h;
    session_.expire(now_);
    settle();
    require(is_closed_ && !is_running_);
  }

 private:
  static SessionSettings settings(Input& in) {
    SessionSettings s;
    auto const bits = in.octet();
    s.relay = "mx.example.com[192.0.2.1]:25";
    s.ehlo_name = "client.example.net";
    s.tls = static_cast<TlsMode>(bits % 3);
    s.pipelining = (bits & 4U) == 0;
    s.chunking = (bits & 8U) == 0;
    s.refuse_eight_bit = (bits & 16U) != 0;
    s.one_flight_within = (bits & 32U) != 0 ? Duration::zero() : Duration(5s);
    s.one_flight_up_to = (bits & 64U) != 0 ? 20 : 65536;
    s.timeouts = {300s, 300s, 120s, 120s, 300s, 300s, 120s, 180s, 600s, 20s, 5s};
    return s;
  }

  void step() {
    now_ += 1ms;
    switch (in_.octet() % 16) {
      case 0:
      case 1:
      case 2:
      case 3:
        return say(hoped_for());
      case 4:
        return say(some_reply());
      case 5:
        return say(in_.octets(in_.octet()));
      case 6:
        return cut(some_reply());
      case 7:
      case 8:
        return start();
      case 9:
        room_ = in_.octet();
        return;
      case 10:
        room_ = SIZE_MAX;
        return;
      case 11:
        now_ += std::chrono::seconds(in_.octet() * 3);
        return session_.expire(now_);
      case 12:
        return session_.disconnected("the server closed the connection", now_);
      case 13:
        if (session_.is_idle()) session_.check(now_);
        return;
      case 14:
        return in_.octet() % 2 != 0 ? session_.cancel("unwanted", now_)
                                    : session_.quit("enough", now_);
      default:
        return session_.state() == State::TlsHandshake ? shake_hands()
                                                       : say(hoped_for() + some_reply());
    }
  }

  std::string hoped_for() {
    auto const command = watcher_.front();
    if (command == "greeting" || command == "STARTTLS") return "220 hi\r\n";
    if (command == "DATA") return "354 go\r\n";
    if (!command.starts_with("EHLO")) return "250 2.0.0 ok\r\n";
    auto const bits = in_.octet();
    std::string reply = "250-mx\r\n";
    char const* const extensions[] = {"PIPELINING", "CHUNKING", "8BITMIME",         "SMTPUTF8",
                                      "STARTTLS",   "SIZE 60",  "LIMITS RCPTMAX=2", "SIZE"};
    for (unsigned i = 0; i < 8; ++i)
      if ((bits >> i & 1U) != 0) reply.append("250-").append(extensions[i]).append("\r\n");
    return reply + "250 HELP\r\n";
  }

  std::string some_reply() {
    static constexpr unsigned codes[] = {220, 250, 251, 252, 354, 421, 450, 451, 452, 455,
                                         500, 501, 502, 503, 550, 552, 554, 555, 150, 650};
    auto const code = std::to_string(codes[in_.octet() % std::size(codes)]);
    return code + " " + code[0] + ".7.1 words\r\n";
  }

  void say(std::string_view octets) {
    if (is_closed_ || session_.state() == State::TlsHandshake) return;
    watcher_.said(octets);
    session_.receive(octets, now_);
  }

  void cut(std::string_view octets) {
    auto const at = in_.octet() % octets.size();
    say(octets.substr(0, at));
    settle();
    say(octets.substr(at));
  }

  void start() {
    if (!session_.is_idle()) return;
    account_ = {};
    account_.body = body_from(in_);
    auto const bits = in_.octet();
    body_ = {};
    body_.has_leading_dot =
        account_.body.starts_with('.') || account_.body.find("\n.") != std::string::npos;
    body_.has_eight_bit = !is_ascii(account_.body);
    body_.has_utf8_header = body_.has_eight_bit && (bits & 1U) != 0;
    body_.storage = std::make_unique<Storage>(account_.body, (bits & 2U) != 0,
                                              (bits & 4U) != 0 && (bits & 8U) != 0);
    Transaction transaction;
    transaction.body = &body_;
    transaction.smtputf8 = (bits & 16U) != 0;
    sender_ = (bits & 32U) != 0 ? std::string(in_.octets(in_.octet() % 16)) : "a@example.net";
    recipients_ = {"u@example.com", "v@example.com", "gr\xc3\xbcn@example.com", "w@example.com",
                   std::string(in_.octets(in_.octet() % 8)) + "@x"};
    recipients_.resize(bits % recipients_.size() + 1);
    transaction.sender = sender_;
    for (auto const& recipient : recipients_) transaction.recipients.emplace_back(recipient);
    was_reused_ = session_.transactions() > 0;
    is_running_ = true;
    watcher_.account = &account_;
    session_.start(transaction, now_);
  }

  void shake_hands() {
    if (in_.octet() % 4 == 0) return session_.tls_failed("no", now_);
    watcher_.began_tls();
    session_.tls_established(now_);
  }

  void settle() {
    while (true) {
      while (auto event = session_.poll()) handle(*event);
      auto const out = session_.output(now_);
      if (is_closed_) require(out.size() == 0);
      bool const is_sleeping = session_.state() == State::Idle || session_.state() == State::Closed;
      require((session_.deadline() == never) == is_sleeping);
      if (out.size() == 0 || room_ == 0) break;
      std::size_t taken = 0;
      std::string octets;
      std::string offered;
      for (std::size_t i = 0; i < out.count; ++i) {
        auto const n = std::min(room_, out.pieces[i].size());
        octets += out.pieces[i].substr(0, n);
        offered += out.pieces[i];
        taken += n;
        room_ -= n;
      }
      if (session_.is_encrypted()) {  // all of it may have left, whatever TLS says
        session_.offered();
        watcher_.sent(std::string_view(offered).substr(std::min(ahead_, offered.size())));
        ahead_ = std::max(ahead_, offered.size()) - taken;
      } else {
        watcher_.sent(octets);
      }
      session_.written(taken, now_);
    }
    while (auto event = session_.poll()) handle(*event);
  }

  void handle(Event const& event) {
    require(!is_closed_);
    if (auto const* finished = std::get_if<Finished>(&event)) {
      require(is_running_);
      is_running_ = false;
      judge(finished->result);
      watcher_.account = nullptr;
    } else if (std::holds_alternative<Closed>(event)) {
      require(!is_running_);
      is_closed_ = true;
    }
  }

  void judge(TransactionResult const& result) {
    require(result.results.size() == recipients_.size());
    bool any_retry = false;
    for (std::size_t i = 0; i < recipients_.size(); ++i) {
      judge(result.results[i], recipients_[i], result.retry);
      any_retry = any_retry || result.results[i].may_retry;
    }
    require(any_retry == (result.retry != Retry::Nothing));
  }

  void judge(RecipientResult const& r, std::string const& recipient, Retry retry) {
    auto const& o = r.outcome;
    require(o.code != 421 && o.enhanced.klass == o.code / 100);
    require(printable(o.text, 4096) == o.text);
    auto const asked = account_.rcpt.find(recipient);
    unsigned const rcpt = asked == account_.rcpt.end() ? 0 : asked->second;
    bool const was_asked = asked != account_.rcpt.end();
    if (o.kind == OutcomeKind::Delivered) {
      require(!r.may_retry && !o.ambiguous && o.said_by_remote);
      require(account_.mail / 100 == 2 && rcpt / 100 == 2 && account_.end / 100 == 2 &&
              account_.is_end_out && account_.premature == 0 && ahead_ == 0);
    }
    if (o.kind == OutcomeKind::Refused && o.said_by_remote) {
      auto is = [&](unsigned code) { return code == o.code; };
      require(is(account_.mail) || is(rcpt) || is(account_.data) || is(account_.end) ||
              is(account_.premature));
    }
    if (o.kind == OutcomeKind::Refused && !o.said_by_remote) {
      auto const e = o.enhanced;
      require(e == EnhancedCode{5, 3, 4} || e == EnhancedCode{5, 6, 7} ||
              e == EnhancedCode{5, 6, 3});
    }
    bool const mail_refused = account_.mail >= 400;
    bool const may_have_it =
        account_.is_end_out && was_asked && !mail_refused && (rcpt == 0 || rcpt / 100 == 2);
    bool const has_verdict = account_.end / 100 == 2 || account_.end >= 400;
    if (may_have_it) require(!r.may_retry);
    if (may_have_it && !has_verdict) require(o.ambiguous);
    if (o.ambiguous) require(!r.may_retry && account_.is_end_out);
    if (r.may_retry && retry == Retry::FreshConnection)
      require(was_reused_ || session_.chunking_is_broken());
  }

  Input& in_;
  TimePoint now_{24h};
  Session session_;
  Watcher watcher_;
  Account account_;
  Body body_;
  std::string sender_;
  std::vector<std::string> recipients_;
  std::size_t room_ = SIZE_MAX;
  std::size_t ahead_ = 0;  // octets that TLS was offered and did not say it took
  bool was_reused_ = false;
  bool is_running_ = false;
  bool is_closed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  Input in(data, size);
  Driver(in).run();
  return 0;
}

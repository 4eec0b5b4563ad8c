#include "manager/imap_pools.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/rand.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "core/config/host_port.h"
#include "posix/shortage.h"
#include "posix/socket_address.h"

namespace mailpool::manager {
namespace {

constexpr int backlog = 1024;
constexpr int most_clients_per_turn = 64;
constexpr Duration refusals_logged_every = std::chrono::seconds(10);
// A dynamic profile that nobody uses is kept for so long.
constexpr Duration dynamic_kept = std::chrono::minutes(10);
// What the names of dynamic profiles begin with; no section can be called so.
constexpr char const* dynamic_name = "dynamic:";
constexpr Duration shortage_logged_every = std::chrono::minutes(1);

Result<int> listen_tcp(std::string const& place) {
  auto const at = parse_address_port(place);
  if (!at) return tl::make_unexpected(at.error());
  auto const address = IpAddress::parse(at->host);
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  sockaddr* generic = reinterpret_cast<sockaddr*>(&v6);
  socklen_t length = sizeof v6;
  if (address->is_v4()) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(at->port);
    std::memcpy(&v4.sin_addr, address->octets().data(), 4);
    generic = reinterpret_cast<sockaddr*>(&v4);
    length = sizeof v4;
  } else {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(at->port);
    std::memcpy(&v6.sin6_addr, address->octets().data(), 16);
  }
  int const fd = ::socket(generic->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int const on = 1;
  if (fd >= 0) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // What it accepts inherits it: answers of many small pieces do not wait for acknowledgements.
  if (fd >= 0) posix::tune(fd);
  if (fd >= 0 && ::bind(fd, generic, length) == 0 && ::listen(fd, backlog) == 0) return fd;
  auto const why = fmt::format("{}: cannot listen: {}", place, std::strerror(errno));
  if (fd >= 0) ::close(fd);
  return failed(why);
}

// As the configuration names it.
std::string section_of(std::string const& profile, bool is_account) {
  if (profile == dynamic_name) return "[imap_dynamic]";
  return fmt::format("[imap.{}{}]", profile, is_account ? ".account" : "");
}

bool is_unix(std::string const& place) {
  return place.starts_with('/');
}

// A dynamic profile under the options of now.
ImapSettings as_configured_now(ImapSettings const& before, ImapDynamicSettings const& dynamic) {
  ImapSettings settings = dynamic;
  settings.listen.clear();
  settings.allow_users.clear();
  settings.name = before.name;
  settings.server = before.server;
  settings.tls = before.tls;
  settings.pool_size = before.pool_size;
  return settings;
}

// /run/mailpool is made by systemd; what is below it is ours to make.
void make_directory_of(std::string const& place) {
  auto const directory = std::filesystem::path(place).parent_path();
  (void)::mkdir(directory.c_str(), 0755);
}

}  // namespace

void SystemEntropy::fill(std::span<std::uint8_t> octets) {
  // Without random numbers tags could be guessed: nothing may be lent then.
  if (RAND_bytes(octets.data(), static_cast<int>(octets.size())) != 1)
    throw std::runtime_error("OpenSSL has no random numbers");
}

struct ImapPools::Listener {
  Listener(ImapPools& owner, std::string where, std::string of, bool account)
      : pools(owner), place(std::move(where)), profile(std::move(of)), is_account(account) {}
  ~Listener() {
    event.reset();
    if (tcp >= 0) ::close(tcp);
  }
  Listener(Listener const&) = delete;
  Listener& operator=(Listener const&) = delete;

  ImapPools& pools;
  std::string place;
  std::string profile;
  bool is_account;
  UnixListener unix_socket;
  int tcp = -1;
  EventPtr event;
  bool accepts = false;

  [[nodiscard]] int fd() const { return tcp >= 0 ? tcp : unix_socket.fd(); }
};

ImapPools::ImapPools(Loop& loop, route::Resolver& resolver, Log& log, state::Store& store,
                     imap::Reset reset)
    : loop_(loop),
      log_(log),
      channels_(loop, resolver),
      memory_(store),
      context_(channels_, entropy_, log, memory_, reset),
      tokens_(loop, log, [this](std::string const& profile, Secret token) {
        take_token(profile, std::move(token));
      }) {
  // The key of the verifiers is never written to swap space; core dumps are off for the process.
  (void)::mlock(&context_.verifiers, sizeof context_.verifiers);
  lobby_ = std::make_unique<imap::Lobby>(static_cast<imap::ProfileSource&>(*this), context_);
}

ImapPools::~ImapPools() {
  listeners_.clear();
  lobby_.reset();
  profiles_.clear();
  leaving_.clear();
}

Result<void> ImapPools::reconfigure(Configuration& configuration) {
  auto const now = loop_.now();
  auto const& wanted = configuration.settings.imap;
  channels_.tls().set_tls(configuration.tls);
  dynamic_ = configuration.settings.imap_dynamic;
  access_ = std::move(configuration.imap_access);
  access_[dynamic_name].users = std::move(configuration.imap_dynamic_users);
  for (auto it = profiles_.begin(); it != profiles_.end();) {
    auto const& server = it->second->settings().server.front();
    bool const is_still_allowed = it->first.starts_with(dynamic_name) &&
                                  imap::is_among(dynamic_.servers, server.host, server.port);
    if (is_still_allowed)
      reconfigure(*it->second, as_configured_now(it->second->settings(), dynamic_));
    if (wanted.contains(it->first) || is_still_allowed) {
      ++it;
      continue;
    }
    it->second->drain(imap::Discard::Reload, now);
    leaving_.push_back(std::move(it->second));
    it = profiles_.erase(it);
  }
  std::erase_if(listeners_, [&](auto const& listener) {
    auto const& of_dynamic = dynamic_.listen;
    if (listener->profile == dynamic_name)
      return std::find(of_dynamic.begin(), of_dynamic.end(), listener->place) == of_dynamic.end();
    auto const found = wanted.find(listener->profile);
    if (found == wanted.end()) return true;
    auto const& places = listener->is_account ? found->second.account.listen : found->second.listen;
    return std::find(places.begin(), places.end(), listener->place) == places.end();
  });
  Result<void> result;
  auto note = [&](Result<void> done) {
    if (!done && result) result = std::move(done);
  };
  for (auto const& [name, settings] : wanted) {
    auto& profile = profiles_[name];
    if (profile)
      reconfigure(*profile, settings);
    else
      profile = make_profile(settings);
    if (settings.account.token_file.empty() && settings.account.token_command.empty())
      profile->set_account_secret(std::move(access_[name].account_password));
    if (is_draining_) profile->drain(imap::Discard::Drain, now);
    for (auto const& place : settings.listen) note(listen(place, name, false, settings));
    for (auto const& place : settings.account.listen) note(listen(place, name, true, settings));
  }
  lobby_->set_client_timeout(dynamic_.client_timeout);
  for (auto const& place : dynamic_.listen) note(listen(place, dynamic_name, false, dynamic_));
  tokens_.reconfigure(wanted);
  set_accepting();
  loop_.end_turn_soon();
  return result;
}

void ImapPools::take_token(std::string const& profile, Secret token) {
  auto const found = profiles_.find(profile);
  if (found == profiles_.end()) return;
  found->second->set_account_secret(std::move(token));
  loop_.end_turn_soon();
}

std::unique_ptr<imap::Profile> ImapPools::make_profile(ImapSettings const& settings) {
  return std::make_unique<imap::Profile>(settings, channels_.tls().authorities_of(settings),
                                         context_);
}

void ImapPools::reconfigure(imap::Profile& profile, ImapSettings const& settings) {
  profile.reconfigure(settings, channels_.tls().authorities_of(settings), loop_.now());
}

Result<void> ImapPools::listen(std::string const& place, std::string const& profile,
                               bool is_account, ImapSettings const& settings) {
  for (auto const& listener : listeners_)
    if (listener->place == place) return {};
  auto listener = std::make_unique<Listener>(*this, place, profile, is_account);
  auto const option = fmt::format("{} listen: ", section_of(profile, is_account));
  if (is_unix(place)) {
    make_directory_of(place);
    auto made = listen_unix(place, static_cast<mode_t>(settings.socket_mode), settings.socket_group,
                            backlog);
    if (!made) return failed(option + made.error().reason);
    if (!made->warning().empty()) log_.warning(option + made->warning());
    listener->unix_socket = std::move(*made);
  } else {
    auto const made = listen_tcp(place);
    if (!made) return failed(option + made.error().reason);
    listener->tcp = *made;
  }
  listener->event =
      loop_.make_event(listener->fd(), EV_READ | EV_PERSIST, &ImapPools::on_accept, listener.get());
  listeners_.push_back(std::move(listener));
  return {};
}

std::vector<std::string> ImapPools::places() const {
  std::vector<std::string> all;
  for (auto const& listener : listeners_) all.push_back(listener->place);
  return all;
}

void ImapPools::on_accept(evutil_socket_t, short, void* self) {
  auto& listener = *static_cast<Listener*>(self);
  listener.pools.accept_some(listener, listener.pools.loop_.now());
  listener.pools.loop_.end_turn_soon();
}

bool ImapPools::may_accept(Listener const& listener) const {
  if (rests_) return false;
  if (listener.profile == dynamic_name) return lobby_->clients() < dynamic_.max_clients;
  auto const found = profiles_.find(listener.profile);
  return found != profiles_.end() &&
         found->second->clients() < found->second->settings().max_clients;
}

void ImapPools::set_accepting() {
  for (auto& listener : listeners_) {
    bool const wanted = may_accept(*listener);
    if (wanted == listener->accepts) continue;
    listener->accepts = wanted;
    if (wanted)
      event_add(listener->event.get(), nullptr);
    else
      event_del(listener->event.get());
  }
}

void ImapPools::accept_some(Listener& listener, TimePoint now) {
  for (int i = 0; i < most_clients_per_turn && may_accept(listener); ++i) {
    int const client = ::accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0) {
      greet(listener, client, now);
      continue;
    }
    if (posix::is_shortage(errno))
      rest_for_descriptors("accept: " + posix::shortage_words(errno), now);
    break;
  }
  set_accepting();
}

// Connections that nobody uses make room, and the next attempt is a beat later: to accept at once
// would fail again and again.
void ImapPools::rest_for_descriptors(std::string_view what, TimePoint now) {
  rests_ = true;
  auto const given_up = give_up_idle(now);
  if (shortage_logged_ != TimePoint{} && now < after(shortage_logged_, shortage_logged_every))
    return;
  shortage_logged_ = now;
  log_.error(
      fmt::format("IMAP: {}; {} idle connection{} given up; new ones wait for a second "
                  "(else lower max_clients and max_connections)",
                  what, given_up, given_up == 1 ? " is" : "s are"));
}

// A quarter of the idle ones of all profiles, and one at least.
std::size_t ImapPools::give_up_idle(TimePoint now) {
  std::size_t idle = 0;
  for (auto const& [name, profile] : profiles_) idle += profile->idle();
  std::size_t const wanted = std::min(idle, std::max<std::size_t>(1, idle / 4));
  for (std::size_t i = 0; i < wanted; ++i) {
    imap::Profile* of = nullptr;
    for (auto const& [name, profile] : profiles_) {
      auto const* candidate = profile->longest_at_rest();
      if (candidate == nullptr) continue;
      if (of == nullptr || candidate->rested_since() < of->longest_at_rest()->rested_since())
        of = profile.get();
    }
    of->retire(*of->longest_at_rest(), imap::Discard::Descriptors, now);
  }
  return wanted;
}

void ImapPools::greet(Listener& listener, int fd, TimePoint now) {
  if (is_draining_) {
    static constexpr std::string_view text =
        "* BYE [UNAVAILABLE] mailpool takes no more logins: it is draining\r\n";
    (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(fd);
    return;
  }
  auto const& access = access_[listener.profile];
  auto const& allowed = listener.is_account ? access.account_users : access.users;
  imap::Peer peer;
  if (listener.tcp < 0) {
    auto const who = peer_of(fd);
    if (!who) return refuse_peer(listener, fd, who.error().reason, now);
    if (!allowed.contains(who->uid))
      return refuse_peer(listener, fd,
                         fmt::format("uid {} (pid {}) is not among {} allow_users", who->uid,
                                     who->pid, section_of(listener.profile, listener.is_account)),
                         now);
    peer = {who->pid, who->uid, true};
  }
  if (listener.profile == dynamic_name) {
    auto& client = lobby_->admit(peer, now);
    client.attach(channels_.accept(fd, client));
    return client.begin(std::nullopt, now);
  }
  auto& profile = *profiles_.at(listener.profile);
  auto& client = profile.admit(peer, now);
  client.attach(channels_.accept(fd, client));
  if (!listener.is_account) return client.begin(std::nullopt, now);
  auto login = profile.account_login();
  if (!login)
    return client.send_away("[UNAVAILABLE] The account's password or token cannot be read", now);
  client.begin(std::move(login), now);
}

void ImapPools::refuse_peer(Listener const& listener, int fd, std::string const& why,
                            TimePoint now) {
  ++peers_refused_;
  if (last_refusal_logged_ == TimePoint{} ||
      now >= after(last_refusal_logged_, refusals_logged_every)) {
    last_refusal_logged_ = now;
    log_.warning(fmt::format("IMAP connection to {} refused: {}", listener.place, why));
  }
  auto const text = fmt::format("* BYE {}\r\n", why);
  (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::close(fd);
}

void ImapPools::end_rest() {
  forget_unused(loop_.now());
  if (!rests_) return;
  rests_ = false;
  set_accepting();
}

Result<imap::Profile*> ImapPools::profile_for(imap::ServerRequest const& request, TimePoint) {
  auto settings = imap::settings_for(request, dynamic_);
  if (!settings) return tl::make_unexpected(settings.error());
  if (auto const found = profiles_.find(settings->name); found != profiles_.end()) {
    // Who asks for more connections gets them; who asks for fewer takes none from the others.
    if (settings->pool_size > found->second->settings().pool_size)
      reconfigure(*found->second, *settings);
    return found->second.get();
  }
  auto const known = std::count_if(profiles_.begin(), profiles_.end(), [](auto const& entry) {
    return entry.first.starts_with(dynamic_name);
  });
  if (known >= static_cast<std::ptrdiff_t>(dynamic_.max_profiles))
    return failed(fmt::format("[UNAVAILABLE] there are {} profiles already (max_profiles)", known));
  auto& profile = profiles_[settings->name];
  profile = make_profile(*settings);
  return profile.get();
}

void ImapPools::forget_unused(TimePoint now) {
  std::erase_if(profiles_, [&](auto const& entry) {
    bool const is_unused = entry.first.starts_with(dynamic_name) && entry.second->is_empty() &&
                           now >= after(entry.second->used_at(), dynamic_kept);
    if (is_unused) forgotten_.add(entry.second->totals());
    return is_unused;
  });
}

template <class Do>
void ImapPools::for_each_profile(Do&& act) {
  for (auto& [name, profile] : profiles_) act(*profile);
  for (auto& profile : leaving_) act(*profile);
}

void ImapPools::drain(TimePoint until) {
  auto const now = loop_.now();
  loans_end_at_ = until;
  loop_.end_turn_soon();
  if (is_draining_) return;
  is_draining_ = true;
  lobby_->send_all_away(now);
  for (auto& [name, profile] : profiles_) profile->drain(imap::Discard::Drain, now);
}

void ImapPools::undrain() {
  is_draining_ = false;
  loans_end_at_ = never;
  for (auto& [name, profile] : profiles_) profile->undrain();
}

void ImapPools::stop() {
  for_each_profile([&](imap::Profile& profile) { profile.stop(loop_.now()); });
}

void ImapPools::run(TimePoint now) {
  if (now >= loans_end_at_) {
    loans_end_at_ = never;
    for_each_profile([&](imap::Profile& profile) { profile.end_loans(now); });
  }
  for_each_profile([&](imap::Profile& profile) {
    if (profile.has_work() || profile.deadline() <= now) profile.run(now);
    if (profile.take_account_refusal()) tokens_.refuse(profile.settings().name, now);
  });
  channels_.flush(now);
  if (auto const why = channels_.take_shortage(); !why.empty())
    rest_for_descriptors("no socket for a connection to a server: " + why, now);
}

bool ImapPools::has_work() const {
  return channels_.has_work() ||
         std::any_of(profiles_.begin(), profiles_.end(),
                     [](auto const& entry) { return entry.second->has_work(); }) ||
         std::any_of(leaving_.begin(), leaving_.end(),
                     [](auto const& profile) { return profile->has_work(); });
}

void ImapPools::sweep() {
  lobby_->sweep();
  for (auto& [name, profile] : profiles_) profile->sweep();
  for (auto& profile : leaving_) profile->sweep();
  std::erase_if(leaving_, [](auto const& profile) { return profile->is_empty(); });
  channels_.sweep();
  set_accepting();
}

TimePoint ImapPools::deadline() const {
  auto next = loans_end_at_;
  for (auto const& [name, profile] : profiles_) next = std::min(next, profile->deadline());
  for (auto const& profile : leaving_) next = std::min(next, profile->deadline());
  return next;
}

bool ImapPools::is_empty() const {
  return leaving_.empty() && lobby_->clients() == 0 &&
         std::all_of(profiles_.begin(), profiles_.end(),
                     [](auto const& entry) { return entry.second->is_empty(); });
}

}  // namespace mailpool::manager

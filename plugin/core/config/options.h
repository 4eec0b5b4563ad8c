#pragma once
// The one table of options: section, key, member, kind and range, default, restart or not, and a
// sentence for the operator. The parser, its messages, mailpool.toml, the list in mailpool.toml(5)
// and comparisons of settings all read this table.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/config/document.h"
#include "core/config/settings.h"
#include "core/config/value.h"

namespace mailpool {

enum class Section : std::uint8_t {
  Top,  ///< before the first [section]
  Lmtp,
  Control,
  Postfix,
  Dns,
  Tls,
  MtaSts,
  Smtp,    ///< every option of it may stand in [site.NAME] too
  Domain,  ///< [domain."NAME"]
  Site,    ///< [site.NAME]: what [smtp] does not have
  Total,
  Source,        ///< [source.NAME]
  Pool,          ///< [pool.NAME]
  SenderDomain,  ///< [sender_domain."NAME"]
  Tenant,        ///< [tenant.NAME]
  Login,         ///< [login.NAME]
  Imap,          ///< [imap.NAME]
  ImapAccount,   ///< [imap.NAME.account]
  ImapDynamic,   ///< [imap_dynamic]
  Milter,
  Rule,  ///< [[rule]]
  Log,
  Metrics,
  Events,
};

/// "[lmtp]" without the brackets; "" for Top.
[[nodiscard]] std::string_view name_of(Section section);
/// What stands behind the section's name: "NAME", "\"NAME\"" for a domain; "" for the others.
[[nodiscard]] std::string_view name_in_title(Section section);

/// The struct that a section's options are kept in.
using Part = std::variant<Settings*, LmtpSettings*, ControlSettings*, PostfixSettings*,
                          DnsSettings*, SiteSettings*, DomainSettings*, NamedSite*, MilterSettings*,
                          LogSettings*, MetricsSettings*, TotalSettings*, SourceSettings*,
                          PoolSettings*, SenderDomainSettings*, TenantSettings*, LoginSettings*,
                          TlsSettings*, MtaStsSettings*, ImapSettings*, ImapAccount*,
                          ImapDynamicSettings*, RuleSettings*, EventsSettings*>;

struct Option {
  Section section;
  std::string key;
  std::string value;     ///< what may stand there, in words: "a duration from "1s" to "1h""
  std::string sentence;  ///< what it is
  std::string more;      ///< when to change it; perhaps ""
  std::string example;  ///< as TOML: stands in the commented file where the default says too little
  bool restart = false;  ///< a new value needs a restart

  /// Puts the value into the part, or says what is wrong with it. The part is of the section's
  /// type.
  std::function<void(Part, Node const&, value::Wrongs&)> read;
  /// The value as TOML; "" if it has none.
  std::function<std::string(Part)> show;

  /// "[lmtp] listen", as messages name it.
  [[nodiscard]] std::string full_name() const;
};

/// The table, in the order of the documents: sections one after the other.
[[nodiscard]] std::vector<Option> const& options();
/// Those of one section.
[[nodiscard]] std::span<Option const> options_of(Section section);
/// Where `settings` keeps a section that stands for itself; not for those that take a name.
[[nodiscard]] Part part_of(Settings& settings, Section section);

/// "[lmtp] listen", ... : what a reload cannot apply, so that it says so.
[[nodiscard]] std::vector<std::string> changed_without_restart(Settings const& old_settings,
                                                               Settings const& new_settings);

}  // namespace mailpool

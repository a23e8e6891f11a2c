//! What the doctor says that is always the same.

use lingpai_core::Timestamp;

use super::{Check, Finding, Verdict};
use crate::language::Bilingual;
pub(super) use crate::language::both;

pub(super) const fn fixed(english: &'static str, chinese: &'static str) -> Bilingual {
    Bilingual::fixed(english, chinese)
}

/// What people call a check.
pub(super) const fn title(check: Check) -> Bilingual {
    match check {
        Check::Configuration => fixed("configuration", "配置"),
        Check::Store => fixed("store", "存储"),
        Check::Space => fixed("space", "剩余空间"),
        Check::Redis => fixed("Redis", "Redis"),
        Check::Host => fixed("host", "微信域名"),
        Check::Clock => fixed("clock", "时钟"),
        Check::Certificate => fixed("certificate", "证书"),
        Check::Secret => fixed("AppSecret", "AppSecret"),
        Check::Address => fixed("address and whitelist", "出口地址与白名单"),
        Check::Token => fixed("token", "凭据"),
        Check::Quota => fixed("quota", "额度"),
        Check::Rotations => fixed("rotations", "更换记录"),
        Check::Clients => fixed("clients", "客户端"),
        Check::Pushes => fixed("pushed tickets", "推送的 ticket"),
    }
}

/// The same advice as a failure has it, in Chinese where there is some.
pub(super) fn of_failure_in_chinese(english: &str) -> String {
    use lingpai_core::{Class, Failure};
    use lingpai_wechat::catalogue;

    let failure = Failure::new(Class::Transient, "").with_remedy(english);
    let chinese = catalogue::remedy(&failure, crate::language::Language::Chinese);
    chinese.map_or_else(|| english.to_owned(), std::borrow::Cow::into_owned)
}

pub(super) fn left_out(all: usize, most: usize) -> Finding {
    let text = both!(
        "Of {all} accounts, the first {most} are looked at.",
        "共 {all} 个账号，只检查前 {most} 个。",
        all = all,
        most = most
    );
    Finding::new(Check::Secret, Verdict::Skipped, text).mended_by(fixed(
        "Name one: `lingpai doctor ACCOUNT`.",
        "请指定一个：`lingpai doctor 账号`。",
    ))
}

pub(super) const NO_FILE: Bilingual =
    fixed("There is no file: the defaults hold.", "没有配置文件，使用默认值。");
pub(super) const MEND_FILE: Bilingual = fixed(
    "Mend what is shown; `lingpai config check` shows it again. A running server goes on with what it had.",
    "请修改上述问题，可用 `lingpai config check` 复查。运行中的服务继续使用原来的配置。",
);
pub(super) const OPEN_STORE: Bilingual = fixed(
    "Mend the store or its key; until then nothing is known of the accounts. A running server serves on from memory.",
    "请修复存储或它的主密钥，否则无法了解各账号的情况。运行中的服务继续用内存中的凭据提供服务。",
);
pub(super) const USE_DURABLE: Bilingual = fixed(
    "Use `store = \"sqlite:lingpai.db\"`, or a Redis, unless this is a trial.",
    "除非只是试用，请使用 `store = \"sqlite:lingpai.db\"` 或 Redis。",
);
pub(super) const STORE: Bilingual = fixed(
    "Check that it is there and that this user may write it; its master key is the file beside it unless the \
     configuration names another.",
    "请检查它是否存在、当前用户能否写入；主密钥是它旁边的文件，除非配置另有指定。",
);
pub(super) const STORE_SAYS: Bilingual = fixed(
    "Do what is said there. Until then tokens are served from memory, and nothing new can be stored.",
    "请按上面所说的处理。在此之前只能从内存提供凭据，无法保存新的内容。",
);
pub(super) const DAMAGED: Bilingual = fixed(
    "Add what was left out again, or restore a backup: `lingpai store restore`.",
    "请重新添加被略去的内容，或恢复备份：`lingpai store restore`。",
);
pub(super) const NEWER: Bilingual = fixed(
    "Run the version of Lingpai that has written them: this one does not know them, and changes nothing about them.",
    "请换用写入它们的版本：当前版本不认识这些记录，也不会改动它们。",
);
pub(super) const DAMAGED_AND_NEWER: Bilingual = fixed(
    "Add what is damaged again, or restore a backup: `lingpai store restore`. For what was left as it is, run the version of Lingpai \
     that has written it.",
    "请重新添加损坏的内容，或恢复备份：`lingpai store restore`。对保持原样的记录，请换用写入它们的版本。",
);
pub(super) const SLOW_STORE: Bilingual = fixed(
    "Look at the disk or the network to it: each rotation waits for such a write.",
    "请检查磁盘或到它的网络：每次更换都要等待这样的写入。",
);
pub(super) const REDIS_FINE: Bilingual =
    fixed("It has all that Lingpai relies on.", "具备 Lingpai 所依赖的全部条件。");
pub(super) const REDIS: Bilingual = fixed(
    "See docs/redis.md on what a Redis must be like.",
    "对 Redis 的要求见 docs/zh/redis.md。",
);
pub(super) const ROOM: Bilingual = fixed(
    "Make room: without any, no new token can be stored, and tokens are served from memory.",
    "请腾出空间：没有空间时无法保存新的凭据，只能从内存提供。",
);
pub(super) const TRUST: Bilingual = fixed(
    "Install the certificates of authorities (Debian: ca-certificates).",
    "请安装 CA 证书（Debian：ca-certificates）。",
);
pub(super) const NO_DATE: Bilingual =
    fixed("No host told the time, so it cannot be compared.", "没有域名返回时间，无法比较。");
pub(super) const CLOCK: Bilingual = fixed(
    "Have the machine set its clock by NTP (systemd-timesyncd, chrony): times in the store are wall times, and WeChat refuses \
     signatures that are too old.",
    "请让本机通过 NTP 校时（systemd-timesyncd、chrony）：存储中的时间是本机时间，微信也会拒绝过旧的签名。",
);
pub(super) const END_UNREAD: Bilingual =
    fixed("When it ends cannot be read.", "无法读出它的到期时间。");
pub(super) const NEW_CERTIFICATE: Bilingual = fixed(
    "Put another into its place; it is taken over while the server runs.",
    "请换上新的证书，服务运行中即可生效。",
);
pub(super) const NOT_NOW: Bilingual = fixed(
    "Not asked: in the last minutes of a token, this call would bring the next one. The engine does that by itself.",
    "未检查：凭据的最后几分钟内，这个调用会得到下一个凭据，引擎会自行处理。",
);
/// The AppSecret is not asked about, since so few calls are left.
pub(super) fn scarce(left: u64) -> Bilingual {
    both!(
        "Not asked: today {left} calls of stable_token are left, which fetching may need. `lingpai doctor --yes` spends one.",
        "未检查：今天 stable_token 只剩 {left} 次，获取凭据可能需要。`lingpai doctor --yes` 会使用一次。",
        left = left
    )
}

pub(super) const NOT_SUCH: Bilingual =
    fixed("This kind of account has no AppSecret to be tried.", "这类账号没有可验证的 AppSecret。");
pub(super) const SECRET_RIGHT: Bilingual = fixed(
    "WeChat accepts it (a call of stable_token without force, which replaces no token in use).",
    "微信接受它（不强制刷新的 stable_token 调用，不会替换使用中的凭据）。",
);
pub(super) const UNSEEN: Bilingual = fixed(
    "WeChat lets this machine in; by which address it sees it is not known.",
    "微信接受本机的访问；它看到的地址未知。",
);
pub(super) const NO_TOKEN: Bilingual = fixed(
    "There is none yet: nobody has needed one, or no server has run.",
    "还没有：无人使用过，或服务没有运行过。",
);
pub(super) const REPLACED_BY_ITS_OWNER: Bilingual = fixed(
    "WeChat refuses it. The account is only observed: whoever fetches for it has fetched another since this one was given.",
    "微信拒绝它。账号仅观察：这个凭据交来之后，获取凭据的系统又换了新的。",
);
pub(super) const ADOPT_ANEW: Bilingual = fixed(
    "Give the token that is in use now: `lingpai account adopt`. In a drill this is as it should be: production goes on.",
    "请交来正在使用的凭据：`lingpai account adopt`。演练中出现这一项是正常的：生产环境照常运行。",
);
pub(super) const NO_QUOTA_CALL: Bilingual =
    fixed("WeCom does not tell its quotas.", "企业微信不提供额度查询。");
pub(super) const NO_TOKEN_TO_ASK: Bilingual =
    fixed("Not asked: that takes a token that is good.", "未检查：需要有效的凭据。");
pub(super) const READ_LESS: Bilingual = fixed(
    "Have it keep what it is given for as long as `expires_in` says, and see that its calls carry the account's token.",
    "请让它按 `expires_in` 缓存凭据，并确认它的调用携带的是该账号的凭据。",
);

/// When a client last read the token, as the audit trail has it.
pub(super) fn last_read(at: Option<Timestamp>) -> Bilingual {
    match at {
        Some(at) => both!(
            "It last read the token from Lingpai at {at}.",
            "它最近一次向 Lingpai 读取凭据是在 {at}。",
            at = at
        ),
        None => fixed(
            "It has not read the token from Lingpai within a day, as far as is on record.",
            "据审计记录，最近一天它没有向 Lingpai 读取过凭据。",
        ),
    }
}

pub(super) const CLIENTS_FINE: Bilingual = fixed(
    "No client was seen to ask too often or to use a wrong token within a day.",
    "最近一天没有发现客户端请求过频或使用错误的凭据。",
);
pub(super) const CLIENTS_UNSEEN: Bilingual = fixed(
    "No client was seen to ask too often within a day. Which tokens clients use is known to a running server only: \
     `lingpai doctor --server URL`.",
    "最近一天没有发现客户端请求过频。客户端用的是哪些凭据，只有运行中的服务知道：`lingpai doctor --server URL`。",
);

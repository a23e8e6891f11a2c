//! The help in Chinese. In English it is what stands above each argument.

use clap::builder::Resettable;
use clap::{Arg, ArgAction, Command};

use super::values;

const TEMPLATE: &str = "{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";
const OPTIONS: &str = "选项";

const EXIT_CODES: &str = "\
退出码：
  0   完成
  1   失败：标准错误说明发生了什么、原因和处理办法
  2   参数无法识别
  78  需要先修改配置

没有账号也可以试用：lingpai serve --demo";

const DOCTOR_CODES: &str = "\
退出码：
  0  一切正常
  3  有需要留意的
  4  有不能工作的";

/// The command and those below it, explained in Chinese. What has no Chinese text keeps the English one.
pub(super) fn in_chinese(command: Command) -> Command {
    let command = command
        .disable_version_flag(true)
        .arg(flag("version", 'V', ArgAction::Version, "显示版本"))
        .after_help(EXIT_CODES);
    below(command, "")
}

fn below(command: Command, path: &str) -> Command {
    let command = match of_command(path) {
        Some(about) => command.about(about).long_about(Resettable::Reset),
        None => command,
    };
    let command = match path {
        "doctor" => command.after_help(DOCTOR_CODES),
        _ => command,
    };
    command
        .help_template(TEMPLATE)
        .subcommand_help_heading("命令")
        .disable_help_flag(true)
        .mut_args(|arg| {
            let heading = if arg.is_positional() { "参数" } else { OPTIONS };
            match of_argument(path, arg.get_id().as_str()) {
                Some(help) => arg.help(help).long_help(Resettable::Reset).help_heading(heading),
                None => arg.help_heading(heading),
            }
        })
        .arg(flag("help", 'h', ArgAction::Help, "显示帮助"))
        .mut_subcommands(|command| {
            let path = format!("{path} {}", command.get_name());
            below(command, path.trim_start())
        })
}

fn flag(name: &'static str, short: char, action: ArgAction, help: &'static str) -> Arg {
    Arg::new(name).short(short).long(name).action(action).help(help).help_heading(OPTIONS)
}

fn of_command(path: &str) -> Option<&'static str> {
    Some(match path {
        "" => "微信 access_token 中控服务：只获取一次，按时刷新，供所有人使用",
        "serve" => "维护所有账号的凭据，并通过 HTTP 提供",
        "init" => "写一份解释每项设置的配置",
        "sandbox" => "运行模拟的微信，用于试用与测试",
        "token" => "只输出账号的当前凭据",
        "ticket" => "只输出公众号或企业微信应用的当前 ticket",
        "js-config" => "为页面签名，输出 wx.config 的参数",
        "status" => "查看运行中的服务里各账号的状况",
        "events" => "显示发生过的事件；加 --follow 则持续显示",
        "audit" => "查看谁读取、更改过什么",
        "alert" => "查看告警的状况，或测试告警",
        "alert list" => "列出运行中的服务的告警及其状况",
        "alert test" => "立即发一条消息，并说明结果",
        "secret" => "不中断服务地重置账号的 AppSecret",
        "secret reset" => "一步一步地重置 AppSecret，服务不中断",
        "try" => "在做任何设置之前，从本机查看一个账号的状况",
        "snippet" => "打印 SDK 的接入配置",
        "sink" => "查看凭据投递的状况，测试或立即投递",
        "sink list" => "列出运行中的服务的投递目标及其状况",
        "sink test" => "检查能否投递到那里；不会投递凭据",
        "sink sync" => "立即投递当前的凭据",
        "rotate" => "立即更换账号的凭据",
        "call" => "调用一次微信接口，由网关填入凭据",
        "doctor" => "查明问题所在与处理办法",
        "explain" => "离线解释微信或 Lingpai 的错误，或说明凭据为何被拒绝；中文或英文",
        "quota" => "查看账号今天的接口调用次数与剩余额度，或清零",
        "quota clear" => "让微信把账号的接口调用次数清零，每月 10 次",
        "rid" => "按错误信息里的 rid 查看微信记录的那次请求",
        "key" => "新建、列出、吊销客户端的 API 密钥",
        "key create" => "为人或业务服务新建密钥。只显示这一次",
        "key list" => "列出所有密钥",
        "key export" => {
            "以 JSON 行输出全部密钥，供另一节点 `key import`。其中只有哈希，没有密钥本身"
        }
        "key import" => "接收另一节点输出的密钥。任一边吊销过的密钥即为吊销",
        "key revoke" => "从现在起拒绝某个密钥",
        "account" => "添加、列出、修改、移除存储中的账号",
        "account add" => "把账号写入存储，AppSecret 来自提示输入、文件或标准输入",
        "account set-secret" => "更换存储中账号的 AppSecret",
        "account set-push" => "设置存储中账号如何接收微信的消息推送",
        "platform" => "让账号授权给第三方平台或企业微信应用套件",
        "platform authorize" => "生成链接，供账号所有者授权给平台，或供企业授权给应用套件",
        "account set-api-security" => "为存储中的账号设置 API 安全密钥，网关用它们加密并签名其调用",
        "platform authorizers" => "列出已授权给平台的账号",
        "platform import" => "接管其他系统中的授权方及其 refresh_token。可以重复运行",
        "platform recover" => "按微信的授权方列表接管全部账号，采用微信最近给出的 refresh_token",
        "pushes" => "处理业务方没有收下的推送",
        "pushes list" => "列出等待转发与已放弃的推送",
        "pushes retry" => "立即重新转发一条",
        "pushes remove" => "丢弃一条，业务方将收不到它",
        "account set-proxy" => "为存储中的账号设置访问微信的代理，或取消",
        "account set-mode" => "改从微信的另一类接口获取账号的凭据，业务不中断",
        "account keep" => "设定服务是否为账号获取凭据：维护、仅观察或暂停",
        "account adopt" => "让服务接管别处获取的、仍然有效的凭据，不向微信获取",
        "account release" => "交还账号：暂停维护，并打印凭据及其剩余有效期",
        "account list" => "列出所有账号及其状况",
        "account show" => "查看一个账号",
        "account remove" => "从存储中移除账号及其凭据",
        "store" => "管理存储",
        "store rekey" => "更换存储的主密钥。SQLite 请先停止服务；Redis 的节点可以继续运行",
        "store copy" => {
            "把一个存储的全部内容复制到另一个：账号、密钥、凭据、计数、推送与事件。请先停止使用它们的服务"
        }
        "store backup" => "服务运行时把整个存储写成一个文件。其中不含主密钥",
        "store restore" => "用备份替换存储。请先停止服务；Redis 必须是空的",
        "config" => "管理配置",
        "config check" => "读取配置并列出全部错误。不启动任何东西",
        "config explain" => "解释一项、一个表或全部设置：作用与默认值",
        "completions" => "输出 shell 的命令补全脚本",
        "man" => "把手册页写入目录",
        _ => return None,
    })
}

fn of_argument(path: &str, id: &str) -> Option<&'static str> {
    Some(match (path, id) {
        (_, "config") => "配置文件 [默认：lingpai.toml，可以没有]",
        ("status", "account") => "appid [默认：该密钥可以使用的所有账号]",
        ("account add", "account") => "appid；企业微信应用写 CORPID:AGENTID",
        ("events" | "audit", "account") => "只看这个账号",
        ("doctor", "account") => "appid [默认：账号所依赖的一切与所有账号]",
        ("explain", "account") => "调用针对哪个账号：查看存储中它的经过",
        ("rid", "account") => "请求所属的 appid [默认：最多十个账号中知道它的那个]",
        ("try", "account") => "appid；企业微信应用写 CORPID:AGENTID [默认：提示输入]",
        ("try", "kind") => "official-account、mini-program、mini-game 或 wecom",
        ("try" | "secret reset", "secret_file") => {
            "存放 AppSecret 的文件 [默认：提示输入，不显示；不是终端时读标准输入]"
        }
        ("try", "sdk") => "显示哪个 SDK 的配置",
        ("try", "sandbox") => "用模拟的微信演示，不需要账号",
        ("try", "upstream") => "改用其他地址代替微信",
        ("try", "once") => "只看一次，不等白名单生效",
        ("try", "every") => "多久看一次白名单是否生效",
        ("snippet", "sdk") => "哪个 SDK",
        ("snippet", "way") => "接入方式",
        ("snippet", "server") => "业务服务从哪里访问本服务",
        (_, "account") => "appid",
        (
            "account add"
            | "account set-secret"
            | "account set-proxy"
            | "account set-push"
            | "account set-api-security"
            | "account remove"
            | "platform import"
            | "platform recover",
            "server",
        ) => "由这个服务执行，需要管理员密钥 [默认：修改本机的存储]",
        ("account adopt", "untried") => "不询问微信凭据是否有效，直接采用",
        (_, "untried") => "不向微信核对 AppSecret，直接采用",
        ("explain" | "doctor", "server") => "由这个服务查看 [默认：查看本机的存储]",
        ("explain", "token_file") => {
            "说明此文件中的凭据为何被拒绝，依据存储中的记录；- 表示标准输入"
        }
        ("explain", "all") => "解释全部错误，输出一页 Markdown",
        ("explain", "errcode") => "被拒绝时的 errcode",
        ("explain", "offline") => "不向微信核对凭据（核对最多调用两次低成本接口）",
        (_, "server") => "向哪个服务询问：http://、https://，或 unix:路径",
        (_, "key_file") => "存放 API 密钥的文件 [默认：环境变量 LINGPAI_KEY]",
        ("serve", "listen") => "监听地址 [默认：配置中的地址，或 127.0.0.1:8700]",
        ("serve", "demo") => "演示：模拟的微信与一个账号，数据在 ./lingpai-demo",
        ("serve", "lifetime") => "演示凭据的有效期（微信为 2h）",
        ("serve", "classic") => "演示账号使用普通(classic)模式，每次获取都会换掉凭据",
        ("init", "force") => "替换已有的配置",
        (_, "lang") => "语言 [默认：LINGPAI_LANG，或系统区域设置]",
        ("sandbox", "listen") => "监听地址 [默认：127.0.0.1:8900]",
        ("sandbox", "lifetime") => "凭据的有效期；其他时间按比例缩短",
        ("sandbox", "seed") => "种子与调用相同，返回就相同",
        ("sandbox", "allow_remote") => "允许其他机器可以访问的地址；沙箱不验证任何人的身份",
        ("status", "watch") => "每两秒刷新一次，需要处理的排在最前，按 q 或 Ctrl-C 结束",
        ("status", "json") => "输出 JSON；与 --watch 同用时每次一行",
        ("audit", "client") => "只看这个客户端：其密钥的 id 或名称",
        ("audit", "since") => "从何时起，或多久以前起：2026-11-28T08:00:00Z、30m、2h、7d",
        ("audit", "limit") => "最多显示多少条，取最新的",
        ("audit", "json") => "输出 JSON，每条一行",
        ("alert list", "json") => "输出 JSON",
        ("alert test", "name") => "告警的名称",
        ("sink list", "json") => "输出 JSON",
        ("sink test" | "sink sync", "name") => "投递目标的名称",
        ("events", "event") => "只看这些事件，以逗号分隔：rotated、failed、rogue-refresher 等",
        ("events", "severity") => "只看达到这个级别的事件：info、notice、warning 或 error",
        ("events", "since") => "从何时起，或多久以前起：2026-11-28T08:00:00Z、30m、2h、7d",
        ("events", "limit") => "最多显示多少条，取最新的",
        ("events", "follow") => "持续显示新的事件，直到按 Ctrl-C",
        ("events", "json") => "输出 JSON，每个事件一行",
        ("rotate", "yes") => "不询问",
        ("rotate", "compromised") => {
            "凭据已泄露：让微信不再接受此前发出的任何凭据。先说明会影响什么"
        }
        ("rotate", "dry_run") => "只说明会影响什么，不执行",
        ("rotate", "json") => "输出 JSON，不含凭据",
        ("token", "standalone") => "不询问服务：打开配置中的存储，没有凭据时获取一个",
        ("token", "json") => "输出 JSON，包含代数与时间",
        ("call", "request") => {
            "GET 或 POST [默认：GET；有 --json 或 --file 时为 POST]，域名后面的路径，然后是参数：字符串写 key=value，数字、列表、\
             对象写 key:=JSON。GET 时放进查询参数，POST 时组成请求体"
        }
        ("call", "json") => "发送文件或标准输入中的 JSON；此时 key=value 放进查询参数",
        ("call", "file") => {
            "以表单上传文件，可重复；表单里的文字写 NAME=TEXT。此时 key=value 放进查询参数"
        }
        ("call", "output") => "把返回内容写入文件。被拒绝时文件保持原样",
        ("call", "standalone") => "不询问服务：打开配置中的存储，从本机调用微信",
        ("quota", "path") => {
            "向微信查询这个路径的额度，如 /cgi-bin/message/custom/send [默认：Lingpai 今天的计数]"
        }
        ("quota clear", "yes") => "不询问",
        ("doctor", "yes") => "额度所剩无几时也调用 [默认：不调用并说明]",
        ("rid", "rid") => "微信错误信息里的 rid，如 61725984-6126f6f9-040f19c4",
        ("quota" | "quota clear" | "rid", "standalone") => {
            "不询问服务：打开配置中的存储，从本机调用微信"
        }
        ("ticket", "ticket") => &values::TICKETS_IN_CHINESE,
        ("js-config", "url") => "浏览器中显示的页面 URL；# 之后的部分不计",
        ("js-config", "agent") => "用企业微信应用的 ticket 签名，供 wx.agentConfig 使用",
        ("js-config", "agentid") => "应用在企业中的 agentid，账号名中没有时（第三方应用）需要写明",
        ("js-config", "apis") => "放入 jsApiList 的接口，如 scanQRCode，可重复",
        ("explain", "text") => {
            "错误码（如 40164、key-unknown）或完整的错误文本。- 表示从标准输入读取"
        }
        ("key create", "name") => "供哪个人或业务服务使用",
        ("key create", "environment") => {
            "用于哪个环境：production、test 或 dev。test 与 dev 的密钥不能报告、更换、清零配额或做管理操作"
        }
        ("key create", "role") => "角色：service、viewer、operator 或 admin",
        ("key create", "rights") => {
            "另外的权限，可重复 [默认，没有角色时：token:read 与 token:report]。有 gateway 而没有 token:read 的密钥在微信兼容接口\
             拿到的是虚拟凭据：只有网关接受它，客户端接触不到真正的凭据"
        }
        ("key create", "accounts") => "可以使用的账号，可重复 [默认：所有账号]",
        ("key create", "admin") => "即 --role admin：在所限账号上拥有全部权限",
        ("key create", "networks") => "可以从哪个网段使用，如 10.2.0.0/16，可重复 [默认：不限]",
        ("key create", "paths") => {
            "可以通过网关调用的路径，如 '/cgi-bin/message/**'，可重复 [默认：全部]"
        }
        ("key create", "per_minute") => {
            "通过网关每分钟的调用上限 [默认：配置中的 calls-per-minute]"
        }
        ("key create", "at_once") => "同时进行的调用数上限 [默认：calls-at-once]",
        ("key create", "per_day") => "每天的调用上限 [默认：calls-per-day]",
        ("key create", "domains") => {
            "可以为哪个域名的页面签名，如 shop.example.com 或 '*.example.com'，可重复。限定域名的密钥拿不到 ticket，因为 ticket 能为\
             任何页面签名 [默认：所有页面，也可读取 ticket]"
        }
        ("key create", "preset") => {
            "在微信兼容接口使用它的是哪种 SDK，只在该 SDK 需要专门的 expires_in 时填写：见 docs/zh/api.md"
        }
        ("key create", "expires_in") => "多久之后过期，如 90d [默认：不过期]",
        ("key revoke", "id") => "密钥的编号：lp_ 加 12 位，即密钥的前半部分",
        ("account add", "kind") => {
            "official-account、mini-program、mini-game、wecom、platform、authorizer、authorizer-mini-program、wecom-suite、wecom-provider 或 wecom-authorized"
        }
        ("account add", "platform") => {
            "它授权给了哪个账号：第三方平台或应用套件；应用套件则填其服务商的账号"
        }
        ("account add", "mode") => {
            "stable（稳定版）：重复获取返回同一凭据。classic（普通）：每次获取都会换掉凭据"
        }
        ("account set-push", "mode") => {
            "safe（安全模式）、compatible（兼容模式）或 plain（明文模式），与微信后台一致"
        }
        ("account set-push", "relay") => "业务方的 URL：不由 Lingpai 自己处理的推送转发到这里",
        ("account set-push", "authorizer_relay") => {
            "第三方平台：授权方的消息转发到的业务方 URL，其中的 $APPID$ 替换为授权方的 appid"
        }
        ("account set-push", "relay_form") => {
            "raw：按微信发来的原样转发。plain：解密后转发，业务方的回复在返回途中加密"
        }
        ("account set-push", "token_file") => "存放令牌（Token）的文件",
        ("account set-push", "aes_key_file") => "存放 EncodingAESKey 的文件",
        ("account set-push", "previous_aes_key_file") => {
            "更换期间，存放上一个 EncodingAESKey 的文件"
        }
        ("account set-push", "remove") => "不再接收推送",
        ("platform authorize", "platform") => "被授权的账号：平台的 appid 或 suite_id",
        ("platform authorizers" | "platform import" | "platform recover", "platform") => {
            "平台的 appid"
        }
        ("platform import", "file") => {
            "CSV（第一行写明 account 与 refresh_token 两列）或 JSON 文件"
        }
        ("platform import", "replace") => "用文件中的 refresh_token 代替这里已有的",
        ("platform authorize", "pc") => {
            "用于电脑：微信页面显示二维码供手机扫描 [默认：按打开链接的设备]"
        }
        ("platform authorize", "h5") => "用于手机微信；在别处打开时显示二维码",
        ("platform authorize", "offer") => {
            "可以选择哪些账号：all（全部）、official-accounts（公众号）或 mini-programs（小程序）"
        }
        ("platform authorize", "only") => "只能选择这个账号：其 appid",
        ("platform authorize", "return_to") => {
            "授权结束后浏览器跳转到哪里，须在配置的 `return-to` 允许范围内"
        }
        ("platform authorize", "expires_in") => "链接的有效期，最长 7d",
        ("platform authorize", "json") => "输出 JSON，其中有业务方核对返回结果所用的密钥",
        ("account set-api-security", id) => match id {
            "symmetric_key_file" => "存放 API 对称密钥（base64）的文件 [默认：提示输入]",
            "private_key_file" => "存放应用私钥（API 非对称密钥，PEM）的文件",
            "certificate_file" => "存放开放平台证书（PEM）的文件",
            "symmetric_serial" | "private_serial" | "certificate_serial" => "它在微信后台的编号",
            "previous_symmetric_key_file" => "更换期间，存放上一个对称密钥的文件",
            "other_certificate_file" => "更换期间，存放上一个或下一个平台证书的文件",
            "previous_symmetric_serial" | "other_certificate_serial" => "它的编号",
            "call" => "加密并签名的接口，如 /wxa/business/*；可多次 [默认：微信文档所列]",
            "remove" => "移除密钥：不再加密和签名",
            _ => return None,
        },
        ("pushes retry" | "pushes remove", "id") => "列表中的编号",
        ("account add" | "try", "url") => {
            "通过这个代理访问微信，如 http://user@proxy.example.com:3128，不含密码"
        }
        ("account add" | "try", "password_file") => {
            "存放代理密码的文件 [默认：URL 中有用户名时提示输入]"
        }
        ("account set-mode", "mode") => {
            "stable：从 /cgi-bin/stable_token 获取，重复获取得到同一个凭据；classic：从 /cgi-bin/token 获取，每次获取都会更换凭据"
        }
        ("account keep", "keeping") => {
            "managed：获取并刷新凭据；observe：只提供交给它的凭据；paused：现有凭据用到到期为止"
        }
        ("account adopt", "token_file") => {
            "存放凭据（或微信返回内容）的文件，- 为标准输入 [默认：提示输入，不是终端时读标准输入]"
        }
        ("account adopt", "redis") => "凭据所在的 Redis：redis://主机:端口/数据库，不含密码",
        ("account adopt", "redis_key") => {
            "凭据在 Redis 中的键：值为凭据本身、JSON 或 PHP 序列化的形式；剩余有效期取自该键"
        }
        ("account adopt", "redis_password_file") => "存放 Redis 密码的文件",
        ("account adopt", "expires_in") => "剩余有效秒数 [默认：取自微信的返回内容或 Redis]",
        ("account set-proxy", "url") => {
            "代理，如 http://user@proxy.example.com:3128，不含密码；none 表示取消"
        }
        ("account set-proxy", "password_file") => {
            "存放代理密码的文件 [默认：URL 中有用户名时提示输入，不是终端时读标准输入]"
        }
        ("store backup", "file") => "写入的文件，不能已经存在",
        ("store restore", "file") => "备份文件，它保持不变",
        ("store restore", "drill") => {
            "用于在另一台机器上演练：不为副本中的账号获取凭据，也不转发其中的推送"
        }
        ("key import", "file") => "密钥所在的文件；- 表示标准输入",
        (_, "file") => "存放 AppSecret 的文件 [默认：提示输入，不是终端时读标准输入]",
        ("store copy", "from") => "要复制的存储：sqlite:路径 或 redis://主机:端口",
        ("store copy", "to") => "复制到哪个存储，写法相同",
        ("store copy", "from_key_file") => "存放来源主密钥的文件 [默认：配置中的主密钥]",
        ("store copy", "to_key_file") => "存放目标主密钥的文件 [默认：配置中的主密钥]",
        ("store copy", "from_password_file") => {
            "存放来源密码的文件 [默认：环境变量 LINGPAI_STORE_PASSWORD]"
        }
        ("store copy", "to_password_file") => "存放目标密码的文件，默认相同",
        ("store copy", "merge") => "目标里有其他数据也复制。两边不同的，保留较新的",
        ("store copy", "while_running") => {
            "有服务正在使用也复制。其间的改动可能缺失：停止服务后再运行一次即可补齐"
        }
        ("store rekey", "new_key_file") => {
            "存放新密钥的文件，64 位十六进制 [默认：随机生成，写入现有的密钥文件]"
        }
        ("config explain", "key") => "设置或表，如 drain、gateway、account.lead [默认：全部]",
        ("completions", "shell") => "哪种 shell",
        ("man", "directory") => "目录，必须已存在",
        (_, "json") => "输出 JSON",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Arguments;

    #[test]
    fn every_command_and_argument_is_explained_in_chinese() {
        fn look(command: &Command, path: &str) {
            assert!(of_command(path).is_some(), "{path}");
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                assert!(of_argument(path, id).is_some(), "{path} {id}");
            }
            for command in command.get_subcommands() {
                look(command, format!("{path} {}", command.get_name()).trim_start());
            }
        }
        look(&Arguments::command(), "");
        in_chinese(Arguments::command()).debug_assert();
    }
}

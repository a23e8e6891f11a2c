//! The settings of a `[[sink]]`.

use super::Setting;

/// The settings of a `[[sink]]`.
pub(crate) const OF_SINK: &[Setting] = &[
    Setting {
        key: "name",
        default: ["needed", "必填"],
        meaning: ["Its name: letters, digits, `-` and `_`.", "名称：字母、数字、`-` 和 `_`。"],
    },
    Setting {
        key: "account",
        default: ["needed", "必填"],
        meaning: [
            "Whose token is put there. That real tokens leave Lingpai is said for each account, here.",
            "投递哪个账号的凭据。真实凭据离开令牌服务，需要在这里逐个账号写明。",
        ],
    },
    Setting {
        key: "path",
        default: ["one of the three", "三选一"],
        meaning: ["A file. Its directory must be there.", "写入一个文件。所在目录须已存在。"],
    },
    Setting {
        key: "redis",
        default: ["one of the three", "三选一"],
        meaning: [
            "A Redis, in the forms of `store`, without a password: `redis://HOST:PORT/DATABASE`.",
            "写入一个 Redis，写法同 `store`，不带密码：`redis://主机:端口/库`。",
        ],
    },
    Setting {
        key: "url",
        default: ["one of the three", "三选一"],
        meaning: [
            "A webhook. By reference, since it may hold a key.",
            "发送到一个 webhook。其中可能含有密钥，所以写引用。",
        ],
    },
    Setting {
        key: "form",
        default: [
            "`\"json\"` in a file, `\"plain\"` in a Redis",
            "文件为 `\"json\"`，Redis 为 `\"plain\"`",
        ],
        meaning: [
            "How the token is written: `plain`, `json`, or as an SDK stores it in a Redis: `wxjava`, `easywechat`, `silenceper`, \
            `wechatpy`.",
            "写入格式：`plain`、`json`，或与 SDK 存入 Redis 的一致：`wxjava`、`easywechat`、`silenceper`、`wechatpy`。",
        ],
    },
    Setting {
        key: "template",
        default: ["none", "无"],
        meaning: [
            "A text in place of `form`, with `{access_token}` and, if wanted, `{account}`, `{expires_in}`, `{expires_at}` and \
            `{generation}`.",
            "代替 `form` 的文本，其中有 `{access_token}`，还可以有 `{account}`、`{expires_in}`、`{expires_at}`、`{generation}`。",
        ],
    },
    Setting {
        key: "prefix",
        default: ["that of the SDK", "SDK 的默认值"],
        meaning: [
            "What stands before the rest of the SDK's key in a Redis, see [below](#sdks).",
            "SDK 的 Redis 键的前缀，见[下文](#sdk)。",
        ],
    },
    Setting {
        key: "key",
        default: [
            "that of the SDK, or `{prefix}:token:{account}`",
            "SDK 的键，或 `{prefix}:token:{account}`",
        ],
        meaning: [
            "The key in a Redis, with `{account}` and `{prefix}`.",
            "Redis 中的键，可含 `{account}` 与 `{prefix}`。",
        ],
    },
    Setting {
        key: "redis-password",
        default: ["none", "无"],
        meaning: ["The password of the Redis, by reference.", "该 Redis 的密码，写引用。"],
    },
    Setting {
        key: "mode",
        default: ["`\"0600\"`", "`\"0600\"`"],
        meaning: ["The file's permissions.", "文件的权限。"],
    },
    Setting {
        key: "owner",
        default: ["the server's user", "服务的用户"],
        meaning: [
            "To whom the file belongs: `user`, `user:group`, `:group`, by name or number. Needs root, or a group of one's own.",
            "文件归谁所有：`user`、`user:group`、`:group`，写名称或编号。需要 root，或只改为自己所在的组。",
        ],
    },
    Setting {
        key: "hook",
        default: ["none", "无"],
        meaning: [
            "A command that is run when the file has changed: `[\"systemctl\", \"reload\", \"shop\"]`. No shell reads it.",
            "文件变化后运行的命令：`[\"systemctl\", \"reload\", \"shop\"]`。不经过 shell。",
        ],
    },
    Setting {
        key: "hook-deadline",
        default: ["`\"10s\"`", "`\"10s\"`"],
        meaning: [
            "After what time it is killed: from 1 s to 5 m.",
            "超过多久就终止它，1 秒到 5 分钟。",
        ],
    },
    Setting {
        key: "secret",
        default: ["needed with `url`", "有 `url` 时必填"],
        meaning: [
            "What the bodies sent to a webhook are signed with, by reference.",
            "webhook 请求体的签名密钥，写引用。",
        ],
    },
];

"""The terms that the bank begins with: class, months, by what right. What the law of the day asks is the bank's to check."""

from django.db import migrations

AML = {
    "en": "Anti-Money Laundering Law of the PRC, article 34 (2025): ten years after the business relation ends",
    "zh-hans": "《中华人民共和国反洗钱法》（2025年）第三十四条：业务关系结束后至少十年",
    "zh-hant": "《中華人民共和國反洗錢法》（2025年）第三十四條：業務關係結束後至少十年",
}
PIPL = {
    "en": "Personal Information Protection Law of the PRC, articles 19 and 47: no longer than the purpose needs",
    "zh-hans": "《中华人民共和国个人信息保护法》第十九条、第四十七条：以实现处理目的所必要的最短时间为限",
    "zh-hant": "《中華人民共和國個人信息保護法》第十九條、第四十七條：以實現處理目的所必要的最短時間為限",
}
BOOKS = {
    "en": "Accounting Law of the PRC: the ledger is never deleted; it names nobody",
    "zh-hans": "《中华人民共和国会计法》：积分总账永不删除，其中不含个人姓名",
    "zh-hant": "《中華人民共和國會計法》：積分總帳永不刪除，其中不含個人姓名",
}
TRAIL = {
    "en": "Proof of who changed and who looked: as long as the bank must keep customers' identities",
    "zh-hans": "谁更改、谁查看的证明：与客户身份资料保存期限一致",
    "zh-hant": "誰更改、誰查看的證明：與客戶身份資料保存期限一致",
}
TERMS = {
    "accounts": (120, AML),
    "closed_members": (60, PIPL),
    "enrolments": (6, PIPL),
    "messages": (24, PIPL),
    "outbox": (12, PIPL),
    "exports": (24, PIPL),
    "audit": (120, TRAIL),
    "ledger": (None, BOOKS),
}


def fill(apps, schema_editor) -> None:
    term = apps.get_model("privacy", "RetentionTerm")
    rows = [term(data_class=code, months=months, bases=bases) for code, (months, bases) in TERMS.items()]
    term.objects.using(schema_editor.connection.alias).bulk_create(rows)


def empty(apps, schema_editor) -> None:
    apps.get_model("privacy", "RetentionTerm").objects.using(schema_editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    dependencies = [("privacy", "0002_guards")]

    operations = [migrations.RunPython(fill, empty)]

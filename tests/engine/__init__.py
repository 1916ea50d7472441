import pytest

for name in ("actors", "log_contract", "publish_contract"):
    pytest.register_assert_rewrite(f"engine.{name}")

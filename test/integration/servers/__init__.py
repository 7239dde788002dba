import pytest

# failing assertions show their values, as in test modules
pytest.register_assert_rewrite("servers.scenario")

"""
Users of your application's own, below `notifier serve --app examples.host:app`.

Your log-in makes the tokens (`docs/tokens.md`); this looks each user up when
it connects, and says what no token can: what the user is today.
"""

from notifier import Claims, Error, Notifier, User

PEOPLE = {  # your own database stands here
    "42": {"plan": "paid"},
    "43": {"plan": "lapsed"},
    "ada": {"plan": "staff"},
}


async def load_user(claims: Claims) -> User | Error:
    person = PEOPLE.get(claims.user.id)
    if person is None:
        return Error("no_such_customer")
    if person["plan"] == "lapsed":
        return Error({"reason": "plan_lapsed", "message": "renew your plan to get live notices"})
    return User(claims.user.id, role="operator" if person["plan"] == "staff" else "customer")


app = Notifier(load_user=load_user)

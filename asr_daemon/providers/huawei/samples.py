"""The documented example, as the vendor's page prints it; `send` sends it."""

HUAWEI_CALLBACK = b"""{
	"body": {
		"state": {
			"code": 0,
			"success": true
        },
		"body": {
			"aid": "FJKkMeepk8l",
			"lattices": [{
				"begin": 4360,
				"end": 5970,
				"lid": 0,
				"onebest": "Hello, is the call connected?",
				"spk": 0
            }]
        }
    }
}
"""
"""Huawei CEC, Offline Conversion Callback Interface of the OIAP."""

_HUAWEI_ID = b"FJKkMeepk8l"


def huawei_callback(number: int) -> bytes:
    """Return the example as audio `number` of a series; 0 is the example itself."""
    suffix = b"" if number == 0 else b"-%d" % number
    return HUAWEI_CALLBACK.replace(_HUAWEI_ID, _HUAWEI_ID + suffix)

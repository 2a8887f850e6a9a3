import Testing

@testable import OpenExec

/// RT-5: which addresses a run may be connected to.
@Suite("Network addresses")
struct NetworkAddressTests {
  func refusal(_ text: String, _ closed: [AddressBlock] = []) throws -> String? {
    AddressClassifier.refusal(of: try #require(NetworkAddress(text: text), "\(text)"), controlPlane: closed)
  }

  @Test(
    "no address of this host, this site, a cloud's metadata, a carrier, or of nobody",
    arguments: [
      "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "100.100.100.200",
      "127.0.0.1", "127.255.255.254", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255",
      "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255",
      "198.51.100.1", "203.0.113.7", "168.63.129.16", "224.0.0.1", "239.255.255.255", "240.0.0.1",
      "255.255.255.255",
      "::", "::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::ffff:0:8.8.8.8", "::8.8.8.8", "::7f00:1",
      "64:ff9b::8.8.8.8", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378::1",
      "2001:2::1", "2001:1ff::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "fc00::1",
      "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "ff02::1", "4000::1", "5f00::1", "8000::1",
    ])
  func refused(text: String) throws {
    let purpose = try refusal(text)
    #expect(purpose != nil, "\(text)")
  }

  @Test(
    "the Internet's own pass, up to the very edges of what is closed",
    arguments: [
      "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0",
      "126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
      "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
      "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "168.63.129.15",
      "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888", "2001:200::1", "2001:db7::1", "2003::1",
      "2a00:1450:4001:81b::200e", "3ffe:ffff::1",
    ])
  func passed(text: String) throws {
    let purpose = try refusal(text)
    #expect(purpose == nil, "\(text): \(purpose ?? "")")
  }

  @Test("the cluster's own nodes and what an operator closes")
  func controlPlane() throws {
    let node = try #require(AddressBlock(text: "93.184.216.34", purpose: "a node"))
    let net = try #require(AddressBlock(text: "2606:4700::/33", purpose: "ours"))
    let refused = try ["93.184.216.34", "2606:4700:7fff::1"].map { try refusal($0, [node, net]) }
    #expect(refused == ["a node", "ours"])
    let others = try ["93.184.216.35", "2606:4700:8000::1"].map { try refusal($0, [node, net]) }
    #expect(others == [nil, nil])
    for text in ["", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/8/8", "::/129", "x", "1.2.3.4/"] {
      #expect(AddressBlock(text: text, purpose: "") == nil, "\(text)")
    }
  }

  @Test(
    "one notation of each number, as a resolver writes it",
    arguments: [
      "", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.004", "256.1.1.1", "1.2.3.-4", "+1.2.3.4",
      "0x7f.0.0.1",
      "1.2.3.4 ", "1.2.3.", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::",
      "fe80::1%eth0", "::1/128", "1:2:3:4:5:6:7:8::9", "::1.2.3", "::1.2.3.4:5", "+1::", "-0::", "1:", ":1",
    ])
  func malformed(text: String) { #expect(NetworkAddress(text: text) == nil, "\(text)") }

  @Test("texts of RFC 4291 are the bytes that they mean")
  func six() throws {
    let cases: [(String, [UInt8])] = [
      ("::", Array(repeating: 0, count: 16)), ("::1", Array(repeating: 0, count: 15) + [1]),
      ("1::", [0, 1] + Array(repeating: 0, count: 14)),
      ("2001:db8::a:1", [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 1]),
      ("1:2:3:4:5:6:7:8", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
      ("::ffff:1.2.3.4", Array(repeating: 0, count: 10) + [255, 255, 1, 2, 3, 4]),
      ("FFFF:abcd::", [255, 255, 0xAB, 0xCD] + Array(repeating: 0, count: 12)),
    ]
    for (text, bytes) in cases { #expect(NetworkAddress(text: text)?.bytes == bytes, "\(text)") }
    #expect(NetworkAddress(text: "::ffff:1.2.3.4")?.text == "0:0:0:0:0:ffff:102:304")
  }
}
